"""What an analyst finds who connects and looks around, on both storage paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.live.lag_histogram import LagHistogram
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.maintenance import maintain
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.stream_sessions import (
    Mode,
    Role,
    SessionState,
    start_session,
    update_session,
)
from candlehouse.storage.upkeep.maintenance import create_partitions_ahead
from support.data.candle_rows import store_closes
from support.warehouses import warehouse_of

T0 = datetime(2024, 3, 1, tzinfo=UTC)
STATE = SessionState(Role.WRITER, Mode.STREAM, 2, (Timeframe.M1,))
# What psql's \d lists: relations that need no schema before their name.
LISTED = """
SELECT c.relname FROM pg_class AS c
WHERE pg_table_is_visible(c.oid) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
"""
NEWEST = """
SELECT DISTINCT ON (symbol, timeframe) symbol, timeframe, open_time, close
FROM candles ORDER BY symbol, timeframe, open_time DESC
"""


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def analyst(analyst_url: str) -> Iterator[Engine]:
    engine = connect(analyst_url)
    yield engine
    engine.dispose()


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def store(engine: Engine, symbol: str, timeframe: Timeframe, *opens: datetime) -> None:
    closes = [(moment, f"{n + 1}.50", "1") for n, moment in enumerate(opens)]
    store_closes(engine, Series(symbol, timeframe), closes)


def test_tables_are_found_without_their_schema_and_parts_are_not(
    engine: Engine, analyst: Engine
) -> None:
    maintain(warehouse_of(engine), datetime(2035, 6, 1, tzinfo=UTC))
    listed = {str(name) for (name,) in rows(analyst, LISTED)}
    assert {"candles", "candles_5m", "latest_candles", "coverage", "gaps"} <= listed
    assert [name for name in listed if re.search(r"_\d{4}$|chunk", name)] == []


def test_nothing_that_was_found_before_is_hidden(
    empty_database: Callable[..., str], warehouse_url: str
) -> None:
    from candlehouse.storage.schema.migrate import migrate

    url = empty_database()
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE public.series AS SELECT 'mine' AS owner"))
    engine.dispose()
    migrate(url)
    migrate(url)
    engine = connect(url)
    assert rows(engine, "SELECT owner FROM series") == [("mine",)]
    assert rows(engine, "SELECT count(*) FROM candles") == [(0,)]
    assert rows(engine, "SHOW search_path") == [('"$user", public, market',)]
    engine.dispose()


def test_readers_have_no_way_around_the_tables(engine: Engine, analyst: Engine) -> None:
    if rows(engine, "SELECT market.has_timescale()") == [(True,)]:
        pytest.skip("hypertables have no native partitions")
    create_partitions_ahead(engine, datetime(2035, 6, 1, tzinfo=UTC))
    store(engine, "BTCUSDT", Timeframe.H1, T0)
    assert rows(analyst, "SELECT count(*) FROM candles_1h") == [(1,)]
    for year in (2024, 2037):
        with pytest.raises(Exception, match="permission denied for schema market_partitions"):
            rows(analyst, f"SELECT count(*) FROM market_partitions.candles_1h_{year}")
    granted = (
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'market_partitions'::regnamespace"
        " AND relkind = 'r' AND has_table_privilege('market_reader', oid, 'SELECT')"
    )
    assert rows(engine, granted) == [(0,)]


def test_the_newest_candle_of_each_series(engine: Engine, analyst: Engine) -> None:
    hours = [T0 + n * timedelta(hours=1) for n in range(30)]
    store(engine, "BTCUSDT", Timeframe.H1, *hours)
    store(engine, "ETHUSDT", Timeframe.H1, *hours[:7])
    store(engine, "BTCUSDT", Timeframe.D1, datetime(2019, 5, 1, tzinfo=UTC), T0)
    store(engine, "OLDUSDT", Timeframe.M5, datetime(2018, 5, 1, tzinfo=UTC))
    found = rows(
        analyst,
        "SELECT symbol, timeframe, open_time, close FROM latest_candles ORDER BY symbol, timeframe",
    )
    assert found == rows(analyst, NEWEST)
    assert len(found) == 4
    columns = "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid ="
    assert rows(engine, f"{columns} 'candles'::regclass AND attnum > 0") == rows(
        engine, f"{columns} 'latest_candles'::regclass AND attnum > 0"
    )


def test_the_newest_candle_of_one_series_reads_one_table(engine: Engine, analyst: Engine) -> None:
    store(engine, "BTCUSDT", Timeframe.H1, T0)
    explain = (
        "EXPLAIN SELECT * FROM latest_candles WHERE symbol = 'BTCUSDT' AND timeframe = '1h'",
        "EXPLAIN SELECT * FROM candles WHERE symbol = 'BTCUSDT' AND timeframe = '1h'",
        "EXPLAIN SELECT * FROM candles WHERE symbol = 'BTCUSDT' AND timeframe IN ('1h')",
    )
    for query in explain:
        plan = "\n".join(str(line) for (line,) in rows(analyst, query))
        assert "1h" in plan or "_hyper" in plan
        assert not re.search(r"candles_(1m|5m|15m|30m|4h|1d)", plan), plan


def test_sessions_are_readable_and_their_lag_has_quantiles(engine: Engine, analyst: Engine) -> None:
    random = Random(4)
    histogram = LagHistogram()
    # Event times count from 1: 0 stands for a message without one.
    sent = (1 + 60_000 - int(random.expovariate(0.02)) for _ in range(5000))
    histogram.add(sent, 1 + 60_000)
    counted = {str(bound): count for bound, count in histogram.counts.items()}
    with engine.begin() as connection:
        start_session(connection, "host:1", STATE)
        session_id = start_session(connection, "host:2", STATE)
        state = SessionState(Role.WRITER, Mode.STREAM, 2, (Timeframe.M1,), lag_ms=counted)
        update_session(connection, session_id, state)
    assert max(len(str(row)) for row in rows(analyst, "SELECT * FROM stream_sessions")) < 1000
    wanted = [histogram.percentile(share) for share in (0.5, 0.9, 0.99, 0.999, 1)]
    assert rows(
        analyst,
        "SELECT session_id, messages, p50_ms, p90_ms, p99_ms, p999_ms, longest_ms FROM stream_lag",
    ) == [(session_id, 5000, *wanted)]
