"""A mistake in a file of the schema is told with the file, the line and the server's words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from candlehouse.cli import main
from candlehouse.core.errors import DatabaseRefusal, DatabaseUnavailable, MigrationFailed
from candlehouse.storage.schema import migrate as migrating
from candlehouse.storage.schema.migrate import SCHEMA, migrate
from support.schema_file import dump_schema

NEXT = "9999_next"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the schema, to which one may be added."""
    return Path(shutil.copytree(SCHEMA, tmp_path / "schema"))


def add(folder: Path, *lines: str) -> None:
    (folder / "migrations" / f"{NEXT}.sql").write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            [
                "-- Ümlaute, 100% :text",
                "CREATE TABLE market.made (a int);",
                "SELECT b FROM market.b",
            ],
            'line 3: relation "market.b" does not exist (SQLSTATE 42P01)',
        ),
        (["SELECT 1;", "", "SELEC 2"], 'line 3: syntax error at or near "SELEC" (SQLSTATE 42601)'),
        (["SELECT nothing()"], "line 1: function nothing() does not exist (SQLSTATE 42883)"),
        (
            ["ALTER TABLE market.timeframes ADD CHECK (timeframe = '5m')"],
            'check constraint "timeframes_timeframe_check" of relation "timeframes" is violated by'
            " some row (SQLSTATE 23514)",
        ),
    ],
    ids=["table", "syntax", "function", "rows"],
)
def test_a_mistake_is_told_with_its_place_and_leaves_all_as_it_was(
    warehouse_url: str, folder: Path, lines: list[str], told: str
) -> None:
    before = dump_schema(warehouse_url)
    add(folder, *lines)
    with pytest.raises(MigrationFailed) as raised:
        migrate(warehouse_url, folder)
    separator = ", " if told.startswith("line") else ": "
    assert str(raised.value) == f"{NEXT}.sql{separator}{told}. The schema is as it was before"
    assert not raised.value.retryable
    assert dump_schema(warehouse_url) == before


def test_a_mistake_in_a_view_is_told_with_its_file(warehouse_url: str, folder: Path) -> None:
    (path,) = folder.rglob("coverage_view.sql")
    path.write_text(path.read_text().replace("market.gap_days AS g", "market.gap_days AS other"))
    with pytest.raises(MigrationFailed, match=r"^coverage_view\.sql, line \d+: missing FROM-cl"):
        migrate(warehouse_url, folder)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (
            "SELECT pg_terminate_backend(pg_backend_pid())",
            DatabaseUnavailable,
        ),
        ("CREATE TABLE pg_catalog.made (a int)", DatabaseRefusal),
    ],
)
def test_what_is_no_mistake_of_the_file_keeps_its_own_error(
    warehouse_url: str, folder: Path, statement: str, error: type[Exception]
) -> None:
    add(folder, statement)
    with pytest.raises(error):
        migrate(warehouse_url, folder)


def test_the_command_tells_it_in_one_line(
    empty_database: Callable[..., str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add(folder, "DROP TABLE market.nothing")
    monkeypatch.setattr(migrating.migrate, "__defaults__", (folder,))
    monkeypatch.setenv("CANDLEHOUSE_DATABASE_URL", empty_database())
    assert main(["migrate"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'error: {NEXT}.sql: table "nothing" does not exist (SQLSTATE 42P01)')
