"""Upkeep on both storage paths: room for the years to come, and what is over made small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.maintenance import maintain
from candlehouse.storage.database.engine import connect
from candlehouse.storage.upkeep.maintenance import has_timescale
from support.warehouses import warehouse_of

INSERT = """
INSERT INTO market.candles_5m (
    symbol, open_time, close_time, open, high, low, close, volume, source)
VALUES ('BTCUSDT', :at, :at, 1, 1, 1, 1, 0, 'rest')
"""


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def insert(engine: Engine, at: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(text(INSERT), {"at": at})


def chunk_states(engine: Engine) -> list[bool]:
    with engine.connect() as connection:
        query = "SELECT is_compressed FROM timescaledb_information.chunks ORDER BY range_start"
        return list(connection.execute(text(query)).scalars())


def test_years_beyond_those_of_the_first_migration_get_their_partitions(engine: Engine) -> None:
    with engine.connect() as connection:
        if has_timescale(connection):
            pytest.skip("hypertables make their chunks by themselves")
    beyond = datetime(2037, 12, 31, 23, 55, tzinfo=UTC)
    with pytest.raises(Exception, match="no partition of relation"):
        insert(engine, beyond)
    maintain(warehouse_of(engine), datetime(2035, 6, 1, tzinfo=UTC))
    maintain(warehouse_of(engine), datetime(2035, 6, 2, tzinfo=UTC))
    insert(engine, beyond)
    with pytest.raises(Exception, match="duplicate key"):
        insert(engine, beyond)


def test_chunks_that_are_over_go_to_the_columnstore_and_again_when_they_get_rows(
    engine: Engine,
) -> None:
    with engine.connect() as connection:
        if not has_timescale(connection):
            pytest.skip("only hypertables have a columnstore")
    insert(engine, datetime(2024, 1, 10, tzinfo=UTC))
    insert(engine, datetime(2024, 6, 10, tzinfo=UTC))
    now = datetime(2024, 6, 11, tzinfo=UTC)
    assert len(maintain(warehouse_of(engine), now).converted_chunks) == 1
    assert chunk_states(engine) == [True, False]
    assert maintain(warehouse_of(engine), now).converted_chunks == []
    insert(engine, datetime(2024, 1, 11, tzinfo=UTC))
    assert len(maintain(warehouse_of(engine), now).converted_chunks) == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM market.candles")).scalar() == 3


def test_only_what_is_streamed_alone_is_dropped_when_it_is_old(engine: Engine) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)

    kept = maintain(warehouse_of(engine), now, (Timeframe.M1,), None)
    dropped = maintain(warehouse_of(engine), now, (Timeframe.M1,), timedelta(days=30))

    assert kept.dropped_before == {}
    assert list(dropped.dropped_before) == [Timeframe.M1]
    assert dropped.dropped_before[Timeframe.M1] <= now - timedelta(days=30)
