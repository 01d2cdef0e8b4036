"""The structure of the project as far as tools for imports do not see it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

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
