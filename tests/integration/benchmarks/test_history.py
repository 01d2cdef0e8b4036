"""Warehouses that the benchmarks make up: what is asked of them must have one answer."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from benchmarks.parts.coverage import COMPARE, find_all_pending, measure
from benchmarks.warehouses.history import (
    NOW,
    SYMBOLS,
    TIMEFRAME,
    begin_of,
    find_outages,
    grow_through,
)
from benchmarks.warehouses.servers import PLAIN, TIMESCALE
from candlehouse.core.model import Span
from candlehouse.core.timeframe import DAY
from candlehouse.storage.completeness.coverage import select_status
from candlehouse.storage.database.engine import connect
from candlehouse.storage.upkeep.maintenance import has_timescale


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def test_history_grows_backwards_and_the_same_stays_pending(engine: Engine) -> None:
    with engine.connect() as connection:
        kind = TIMESCALE if has_timescale(connection) else PLAIN
    yesterday = NOW.replace(hour=0) - DAY
    unasked = Span(yesterday + 6 * TIMEFRAME.length, yesterday + 7 * TIMEFRAME.length)
    grown = grow_through(engine, kind, (60_000, 120_000))
    for days, _ in zip((4, 8), grown, strict=True):
        assert find_all_pending(engine) == {symbol: [unasked] for symbol in SYMBOLS}
        # Raises when the candles and their counts differ.
        assert measure(engine)[COMPARE]
        with engine.connect() as connection:
            lines = select_status(connection)
        assert {line.expected for line in lines} == {days * TIMEFRAME.slots_per_day + 144}
        assert {(line.absent, line.pending) for line in lines} == {(2 * 24, 1)}
    assert len(find_outages(begin_of(60_000))) == 2
