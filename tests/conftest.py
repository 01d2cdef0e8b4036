"""What every test may use; Airflow's own surroundings are in tests/airflow."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["fixtures.postgres"]

# Folders whose tests one worker runs: what they import takes each further worker many seconds.
TOGETHER = {"airflow": "airflow", "integration/validation": "validation"}
# But these, which start programs and import little.
ALONE = ("test_scheduler.py",)

# For the processes that tests start; pytest itself has it from pyproject.toml.
os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent / "include")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tells the workers which tests belong together."""
    here = Path(__file__).parent
    for item in items:
        group = TOGETHER.get(item.path.parent.relative_to(here).as_posix())
        if group is not None and item.path.name not in ALONE:
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands that run inside the process set levels of logging for the whole of it."""
    loggers = [logging.getLogger(), logging.getLogger("candlehouse")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
