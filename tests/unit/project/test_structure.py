"""The structure of the project as far as tools for imports do not see it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fixtures.workers import ALONE, TOGETHER, choose_group
from support.places import PROJECT

MOST_FILES = 15
PARTS = ("include", "plugins", "dags", "tests", "docs")


def find_files(part: str) -> list[Path]:
    """Every file that somebody wrote."""
    found = (PROJECT / part).rglob("*")
    return [path for path in found if path.is_file() and path.suffix not in {".pyc", ".pyo"}]


@pytest.mark.parametrize("part", PARTS)
def test_no_folder_has_more_files_than_fit_on_a_screen(part: str) -> None:
    sizes = Counter(path.parent.relative_to(PROJECT) for path in find_files(part))
    assert {str(folder): size for folder, size in sizes.items() if size > MOST_FILES} == {}


def test_file_of_a_dag_is_short() -> None:
    files = sorted((PROJECT / "dags").glob("*.py"))
    assert files
    assert {f.name: n for f in files if (n := len(f.read_text().splitlines())) > 60} == {}


def test_what_one_worker_runs_is_there() -> None:
    assert [one for one in (*TOGETHER, ALONE) if not (PROJECT / one).exists()] == []


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/airflow/test_alerts.py::test_one", "tests/airflow/"),
        ("tests/airflow/test_scheduler.py::test_one", "tests/airflow/test_scheduler.py"),
        ("tests/integration/validation/test_validate.py::test_one[a/b::c]", TOGETHER[1]),
        ("tests/integration/cli/test_db.py::test_one[a::b]", "tests/integration/cli/test_db.py"),
    ],
)
def test_worker_gets_a_whole_file_or_folder(nodeid: str, group: str) -> None:
    assert choose_group(nodeid) == group
