"""What every test may use; Airflow's own surroundings are in tests/airflow."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["fixtures.postgres", "fixtures.workers"]

# For the processes that tests start; pytest itself has it from pyproject.toml.
os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent / "include")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands that run inside the process set levels of logging for the whole of it."""
    loggers = [logging.getLogger(), logging.getLogger("candlehouse")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
