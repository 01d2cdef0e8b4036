"""A warehouse of an earlier version, with data, goes through all later migrations unharmed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import migrate
from candlehouse.storage.upkeep.retention import drop_before
from support.data.candle_rows import store_closes
from support.data.old_warehouse import fill_old

RELATIONS = """
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'market'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND NOT c.relispartition AND c.relname <> 'schema_migrations'
ORDER BY 1
"""
# A row of each relation as text, whatever the types of its columns.
ROWS = (
    "SELECT coalesce(jsonb_agg(to_jsonb(t) - 'lag_ms' ORDER BY to_jsonb(t)), '[]')"
    " FROM market.{} AS t"
)
CONSTRAINTS = """
SELECT c.relname || '.' || k.conname FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
WHERE c.relnamespace = 'market'::regnamespace AND NOT c.relispartition AND k.contype <> 'n'
    AND k.conname <> 'stream_sessions_lag_is_object'
UNION ALL
SELECT c.relname || '.' || i.relname FROM pg_index AS x
JOIN pg_class AS c ON c.oid = x.indrelid
JOIN pg_class AS i ON i.oid = x.indexrelid
WHERE c.relnamespace = 'market'::regnamespace AND NOT c.relispartition
"""


Row = dict[str, object]


def read(engine: Engine) -> dict[str, list[Row]]:
    with engine.connect() as connection:
        names = connection.execute(text(RELATIONS)).scalars().all()
        return {name: connection.execute(text(ROWS.format(name))).scalar_one() for name in names}


def known(rows: list[Row], before: list[Row]) -> list[Row]:
    """Rows without the columns that they did not have before."""
    columns = list(before[0]) if before else []
    kept = [{column: row[column] for column in columns} for row in rows]
    # New columns may have changed their order, which is that of all columns.
    return before if sorted(kept, key=str) == sorted(before, key=str) else kept


def names(engine: Engine, sql: str) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text(sql)).scalars())


@pytest.mark.parametrize("timescale", [False, True], ids=["plain", "timescale"])
def test_a_warehouse_with_data_keeps_all_of_it(
    empty_database: Callable[..., str], tmp_path: Path, timescale: bool
) -> None:
    url = empty_database(timescale=timescale)
    fill_old(url, tmp_path)
    engine = connect(url)
    before, constraints = read(engine), names(engine, CONSTRAINTS)
    assert all(rows for name, rows in before.items() if name in ("gaps", "coverage", "candles"))
    migrate(url)
    engine.dispose()
    after = read(engine)
    # The moments of the first ones on record were off, and a later migration set them right;
    # another one has every verdict asked for again.
    before.pop("instrument_lives")
    for gap in (*before["gaps"], *after["gaps"]):
        gap.pop("next_check_at")
    assert {name: known(after[name], before[name]) for name in before} == before
    assert constraints <= names(engine, CONSTRAINTS)
    work_on(engine)
    engine.dispose()


def work_on(engine: Engine) -> None:
    """What writes, counts and drops does so after the migration too."""
    start = datetime(2024, 1, 2, tzinfo=UTC)
    btc, hours = Series("BTCUSDT", Timeframe.M5), Series("BTCUSDT", Timeframe.H1)
    closes = [(start + n * timedelta(minutes=5), "2", "1") for n in range(20)]
    store_closes(engine, btc, closes)
    store_closes(engine, hours, [(start, "2", "1")])
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []
    drop_before(engine, Timeframe.M5, start)
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []
        held = text("SELECT count(*) FROM market.candles_5m WHERE open_time >= :start")
        assert connection.execute(held, {"start": start}).scalar() == 20
        lag = "SELECT session_id, messages, p50_ms FROM market.stream_lag"
        assert [tuple(row) for row in connection.execute(text(lag))] == [(1, 4, 10)]
