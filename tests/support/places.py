"""Where the project's files are, and the data beside it that some tests read."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
INCLUDE = PROJECT / "include"
TESTS = PROJECT / "tests"
# Real candles and their truth; absent where the project is alone.
SHARED_DATA = PROJECT.parent / "shared" / "data"


def find_query_files() -> list[Path]:
    """Every `.sql` file of named blocks: all but those that make the schema."""
    found = INCLUDE.rglob("*.sql")
    return sorted(path for path in found if "schema" not in path.relative_to(INCLUDE).parts)
