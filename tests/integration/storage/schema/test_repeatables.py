"""Views and functions follow their files, whatever the database had before."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import DatabaseUnavailable, DependentObjects, StorageError
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import SCHEMA, migrate
from candlehouse.storage.schema.repeatables import read_repeatables
from support.schema_file import dump_schema

RECORDED = "SELECT name, checksum FROM market.schema_repeatables"
APPLIED = "SELECT count(DISTINCT applied_at) FROM market.schema_repeatables"
SIGNATURES = "SELECT count(*) FROM pg_proc WHERE proname = :name"
DROPS = "DROP VIEW market.candles CASCADE", "DROP FUNCTION market.count_early CASCADE"
ALL = {one.name for one in read_repeatables(SCHEMA)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the schema, to be changed."""
    return Path(shutil.copytree(SCHEMA, tmp_path / "schema"))


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def scalar(engine: Engine, sql: str, **values: object) -> object:
    with engine.connect() as connection:
        return connection.execute(text(sql), values).scalar()


def edit(folder: Path, name: str, before: str, after: str) -> None:
    (path,) = folder.rglob(f"{name}.sql")
    changed = re.sub(before, after, path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)


def test_all_is_recorded_and_nothing_runs_twice(engine: Engine, warehouse_url: str) -> None:
    wanted = {one.name: one.checksum for one in read_repeatables(SCHEMA)}
    with engine.connect() as connection:
        assert dict(connection.execute(text(RECORDED)).all()) == wanted
    assert migrate(warehouse_url) == []


def test_only_what_changed_is_applied(engine: Engine, warehouse_url: str, folder: Path) -> None:
    edit(folder, "source_rank", "THEN 3", "THEN 4")
    edit(folder, "coverage_view", "'UTC day'", "'Day in UTC'")
    assert migrate(warehouse_url, folder) == ["source_rank", "coverage_view"]
    assert scalar(engine, "SELECT market.source_rank('archive')") == 4
    said = "SELECT col_description('market.coverage'::regclass, 3)"
    assert scalar(engine, said) == "Day in UTC"
    assert migrate(warehouse_url, folder) == []
    # A version that has the first text puts that back.
    assert migrate(warehouse_url) == ["source_rank", "coverage_view"]
    assert scalar(engine, "SELECT market.source_rank('archive')") == 3


def test_a_view_with_other_columns_is_created_again_with_its_dependents(
    engine: Engine, warehouse_url: str, analyst_url: str, folder: Path
) -> None:
    edit(
        folder,
        "validation_coverage_view",
        "d.run_id, d.exchange_time, d.settles_at",
        "d.settles_at",
    )
    edit(
        folder,
        "validation_coverage_view",
        r"COMMENT .*\.(run_id|exchange_time) IS\n(?:    .*\n)+",
        "",
    )
    assert migrate(warehouse_url, folder) == ["validation_coverage_view", "validation_totals_view"]
    analyst = connect(analyst_url)
    assert scalar(analyst, "SELECT count(*) FROM validation_totals") == 0
    assert scalar(analyst, "SELECT count(settles_at) FROM validation_coverage") == 0
    analyst.dispose()
    said = "SELECT obj_description('market.validation_totals'::regclass)"
    assert str(scalar(engine, said)).startswith("Is it validated?")


def test_a_function_with_other_arguments_replaces_the_old_one(
    engine: Engine, warehouse_url: str, folder: Path
) -> None:
    edit(
        folder, "count_before", "moment timestamptz\n", "moment timestamptz, more text DEFAULT ''\n"
    )
    assert migrate(warehouse_url, folder) == [
        "count_before",
        "coverage_totals_view",
        "coverage_view",
    ]
    assert scalar(engine, SIGNATURES, name="count_before") == 1
    assert scalar(engine, "SELECT count(*) FROM market.coverage") == 0
    edit(folder, "count_early", "RETURNS bigint", "RETURNS numeric")
    assert set(migrate(warehouse_url, folder)) == {
        "count_early",
        "coverage_totals_view",
        "coverage_view",
    }


@pytest.mark.parametrize("statement", DROPS)
def test_what_a_migration_dropped_is_created_again(
    engine: Engine, warehouse_url: str, statement: str
) -> None:
    before = dump_schema(warehouse_url)
    run(engine, statement)
    assert dump_schema(warehouse_url) != before
    assert set(migrate(warehouse_url)) < ALL
    assert dump_schema(warehouse_url) == before


def test_all_applied_again_leave_the_same_schema(engine: Engine, warehouse_url: str) -> None:
    before = dump_schema(warehouse_url)
    run(engine, "DELETE FROM market.schema_repeatables")
    # This session finds the schema on its path, the first one did not.
    assert set(migrate(warehouse_url)) == ALL
    assert dump_schema(warehouse_url) == before


def test_a_view_of_somebody_else_is_named_and_nothing_is_changed(
    engine: Engine, warehouse_url: str, folder: Path
) -> None:
    run(engine, "CREATE VIEW public.mine AS SELECT run_id FROM market.validation_coverage")
    # In place, that is possible.
    edit(folder, "validation_coverage_view", "interval '1 hour'", "interval '2 hours'")
    assert migrate(warehouse_url, folder) == ["validation_coverage_view"]
    before = dump_schema(warehouse_url)
    edit(folder, "source_rank", "THEN 3", "THEN 4")
    edit(folder, "validation_coverage_view", "d.stored,", "")
    edit(
        folder,
        "validation_coverage_view",
        r"COMMENT .*\.stored IS .*\n",
        "",
    )
    with pytest.raises(
        DependentObjects, match=r"validation_coverage_view\.sql .*view public\.mine"
    ):
        migrate(warehouse_url, folder)
    assert dump_schema(warehouse_url) == before


def test_a_view_of_somebody_else_beside_ours_is_not_dropped(
    engine: Engine, warehouse_url: str, folder: Path
) -> None:
    run(engine, "CREATE VIEW market.mine AS SELECT day FROM market.gap_days")
    edit(folder, "gap_days_view", "AS wanted_slots\nFROM", "AS wanted\nFROM")
    edit(folder, "gap_days_view", r"gap_days\.wanted_slots", "gap_days.wanted")
    edit(folder, "coverage_view", r"g\.wanted_slots", "g.wanted")
    with pytest.raises(DependentObjects, match=r"view market\.mine depends on view market\.gap"):
        migrate(warehouse_url, folder)
    run(engine, "DROP VIEW market.mine")
    assert migrate(warehouse_url, folder) == ["gap_days_view", "coverage_view"]


def test_a_function_that_a_trigger_or_an_operator_calls_keeps_its_arguments(
    warehouse_url: str, folder: Path
) -> None:
    edit(folder, "timeframe_is", "timeframe market.timeframe, name text", "\\g<0>, more text")
    with pytest.raises(DependentObjects, match=r"operator market\.=.* depends on function"):
        migrate(warehouse_url, folder)
    shutil.copy(SCHEMA / "functions/timeframes/timeframe_is.sql", folder / "functions/timeframes")
    edit(folder, "begin_load", r"begin_load\(\) RETURNS trigger", "begin_load() RETURNS integer")
    with pytest.raises(DependentObjects, match=r"trigger begin_load on table market\.series"):
        migrate(warehouse_url, folder)


def test_a_mistake_in_one_file_leaves_all_as_it_was(warehouse_url: str, folder: Path) -> None:
    before = dump_schema(warehouse_url)
    edit(folder, "source_rank", "THEN 3", "THEN 4")
    edit(folder, "coverage_view", r"market\.gap_days AS g", "market.gap_days AS missing_alias")
    with pytest.raises(StorageError, match="missing FROM-clause entry"):
        migrate(warehouse_url, folder)
    assert dump_schema(warehouse_url) == before


def test_a_session_that_is_killed_halfway_leaves_all_as_it_was(
    warehouse_url: str, folder: Path
) -> None:
    before = dump_schema(warehouse_url)
    edit(folder, "source_rank", "THEN 3", "THEN 4")
    kill = "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());"
    edit(folder, "coverage_view", r"\Z", kill)
    with pytest.raises(DatabaseUnavailable):
        migrate(warehouse_url, folder)
    assert dump_schema(warehouse_url) == before
    edit(folder, "coverage_view", re.escape(kill), "")
    assert migrate(warehouse_url, folder) == ["source_rank"]


@pytest.mark.parametrize("timescale", [False, True], ids=["plain", "timescale"])
def test_of_several_processes_at_once_each_file_is_applied_by_one(
    empty_database: Callable[..., str], timescale: bool
) -> None:
    url = empty_database(timescale=timescale)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: migrate(url), range(4)))
    assert sorted(map(len, results))[:3] == [0, 0, 0]
    applied = next(result for result in results if result)
    assert len(set(applied)) == len(applied)
    assert set(applied) > ALL
