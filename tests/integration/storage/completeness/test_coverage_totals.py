"""Coverage a day at a time and added up: by branches, and as it was first defined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Gap, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.completeness.coverage import select_status
from candlehouse.storage.completeness.gaps import record_gaps
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import MIGRATIONS
from support.data.four_hours import SLOT, SLOTS, SYMBOLS, T0, fill, set_clock, slots, store, want

_DAYS = "SELECT symbol, day, expected, present, absent, pending, reasons FROM market.{view}"
_SUMS = (
    "SELECT symbol, timeframe, sum(expected), sum(present), sum(absent), sum(pending)"
    " FROM market.coverage GROUP BY symbol, timeframe ORDER BY symbol"
)
_TOTALS = (
    "SELECT symbol, timeframe, expected, present, absent, pending"
    " FROM market.coverage_totals ORDER BY symbol"
)

_HELD_BEFORE = (
    "SELECT w.symbol, w.first_day, count(DISTINCT date_bin(w.length, c.open_time, 'epoch'))"
    " FROM market.wanted_series AS w JOIN market.candles_4h AS c"
    " ON c.symbol = w.symbol AND c.open_time < w.wanted_from"
    " AND (c.open_time AT TIME ZONE 'UTC')::date = w.first_day GROUP BY w.symbol, w.first_day"
)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def hold(engine: Engine, held: Mapping[str, Iterable[int]], wanted_from: int) -> None:
    """Wants series from one slot on, and stores the candles of the slots of each."""
    for symbol, numbers in held.items():
        want(engine, symbol, wanted_from, None)
        store(engine, symbol, [T0 + number * SLOT for number in numbers])


def define_first_view(engine: Engine) -> None:
    """The view as it was before it was taken apart: slow, and what it says still holds."""
    script = next(MIGRATIONS.rglob("0003_coverage.sql")).read_text()
    found = re.search(r"CREATE VIEW market\.coverage AS.*?;\n\n", script, re.DOTALL)
    assert found is not None
    definition = found[0].replace("market.coverage AS\n", "market.first_coverage AS\n")
    with engine.begin() as connection:
        connection.exec_driver_sql(definition, execution_options={"no_parameters": True})


def make_awkward(engine: Engine, random: Random) -> None:
    """Series that are wanted from and to wherever, with candles and gaps on both sides."""
    set_clock(engine, T0 + random.randrange(6, SLOTS) * SLOT + random.random() * SLOT)
    for symbol in SYMBOLS:
        fill(engine, symbol, random)
        first = random.choice((None, -12, 0, 3, 8, 18))
        want(engine, symbol, first, random.choice((None, None, random.randrange(-6, SLOTS + 20))))
    want(engine, "ONLYWANTEDUSDT", random.randrange(-9, 9), None)
    want(engine, "NEVERWANTEDUSDT", None, None)
    with engine.begin() as connection:
        gaps = [Gap(slots(1, 9), Verdict.NOT_LISTED), Gap(slots(40, 41), Verdict.PENDING)]
        record_gaps(connection, Timeframe.H4, {"ONLYASKEDUSDT": gaps}, T0)


@pytest.mark.parametrize("seed", range(12))
def test_days_say_what_they_first_said_and_totals_are_their_sums(engine: Engine, seed: int) -> None:
    if seed % 2:
        # What the planner takes for empty changes the order in which it computes.
        with engine.begin() as connection:
            connection.execute(text("ANALYZE market.series, market.coverage_series"))
            connection.execute(text("ANALYZE market.coverage_days, market.exchange_state"))
    make_awkward(engine, Random(seed - seed % 2))
    define_first_view(engine)
    days = rows(engine, _DAYS.format(view="coverage") + " ORDER BY symbol, day")
    before = {(symbol, day): held for symbol, day, held in rows(engine, _HELD_BEFORE)}
    first = rows(engine, _DAYS.format(view="first_coverage") + " ORDER BY symbol, day")
    assert days == [
        # What is held of the first wanted day from before it was expected by nobody.
        (symbol, day, expected + held, present, absent, pending + held, reasons)
        for symbol, day, expected, present, absent, pending, reasons in first
        for held in [before.get((symbol, day), 0)]
    ]
    assert all(day[5] >= 0 for day in days)
    assert {row[0] for row in days} >= {*SYMBOLS, "ONLYASKEDUSDT"}
    assert rows(engine, _TOTALS) == rows(engine, _SUMS)


def test_what_is_held_early_is_counted_with_a_hole_and_without(engine: Engine) -> None:
    # At 10:00 of the second day the slot from 04:00 on has not been closed for ten minutes.
    set_clock(engine, T0 + 9 * SLOT - SLOT / 2)
    held = {"AUSDT": range(10), "BUSDT": [0, 1, 2, 3, 4, 5, 7, 8, 9], "CUSDT": range(8)}
    hold(engine, held, 0)
    assert rows(engine, _TOTALS) == [
        ("AUSDT", "4h", 10, 10, 0, 0), ("BUSDT", "4h", 10, 9, 0, 1), ("CUSDT", "4h", 8, 8, 0, 0),
    ]  # fmt: skip
    assert rows(engine, _SUMS) == rows(engine, _TOTALS)


def test_what_is_held_from_before_it_was_wanted_is_expected_too(engine: Engine) -> None:
    """A stream begins in the middle of a slot, and that slot's candle is the first to close."""
    set_clock(engine, T0 + 12 * SLOT)
    held = {"AUSDT": range(2, 11), "BUSDT": [1, 2, 5, 6], "CUSDT": range(3, 11)}
    hold(engine, held, 3)
    assert rows(engine, _TOTALS) == [
        ("AUSDT", "4h", 9, 9, 0, 0), ("BUSDT", "4h", 10, 4, 0, 6), ("CUSDT", "4h", 8, 8, 0, 0),
    ]  # fmt: skip
    assert rows(engine, _SUMS) == rows(engine, _TOTALS)


def test_a_day_that_counts_nothing_is_pending_once(engine: Engine) -> None:
    set_clock(engine, T0 + 12 * SLOT)
    want(engine, "AUSDT", 0, None)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO market.coverage_days VALUES ('AUSDT', '4h', '2024-03-28', 0)")
        )
    assert rows(engine, _TOTALS) == [("AUSDT", "4h", 11, 0, 0, 11)]
    assert rows(engine, _SUMS) == rows(engine, _TOTALS)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "Europe/Berlin"])
def test_days_are_utc_in_every_session(engine: Engine, zone: str) -> None:
    # The clocks of Berlin change on the fourth of these days.
    make_awkward(engine, Random(3))
    want(engine, "LONGUSDT", 0, None)
    queries = [_DAYS.format(view="coverage") + " ORDER BY symbol, day", _TOTALS]
    expected = [rows(engine, query) for query in queries]
    with engine.connect() as connection:
        connection.execute(text(f"SET timezone = '{zone}'"))
        found = [[tuple(row) for row in connection.execute(text(query))] for query in queries]
    assert found == expected


def test_a_filter_on_a_day_reaches_the_counts_and_the_gaps(engine: Engine) -> None:
    query = (
        "EXPLAIN SELECT * FROM market.coverage"
        " WHERE symbol = 'AUSDT' AND timeframe = '4h' AND day = '2024-03-28'"
    )
    with engine.connect() as connection:
        # Small tables are read whole otherwise.
        connection.execute(text("SET enable_seqscan = off"))
        plan = "\n".join(connection.execute(text(query)).scalars())
    counts = re.search(r"on coverage_days h\s.*\n\s+Index Cond: (.*)", plan)
    assert counts is not None, plan
    assert "day = '2024-03-28'" in counts[1]
    gaps = re.search(r"on gaps g\w*\s.*\n\s+Index Cond: (.*)", plan)
    assert gaps is not None, plan
    assert "symbol = 'AUSDT'" in gaps[1]


def test_readers_see_what_is_held_and_how_complete_it_is(engine: Engine, analyst_url: str) -> None:
    set_clock(engine, T0 + 9 * SLOT - SLOT / 2)
    want(engine, "BUSDT", 0, None)
    # A hole on the last day: its candles are counted for the reader.
    store(engine, "BUSDT", [T0 + number * SLOT for number in (0, 1, 2, 3, 4, 5, 7, 8)])
    analyst = connect(analyst_url)
    for query in (_TOTALS, _SUMS):
        assert rows(analyst, query) == [("BUSDT", "4h", 9, 8, 0, 1)]
    assert rows(analyst, "SELECT symbol, present_slots FROM market.coverage_series") == [
        ("BUSDT", 8)
    ]
    analyst.dispose()


def test_status_is_of_the_series_asked_for(engine: Engine) -> None:
    make_awkward(engine, Random(5))
    with engine.connect() as connection:
        lines = select_status(connection)
        (one,) = select_status(connection, ["AUSDT"], [Timeframe.H4])
    found = [(n.symbol, n.timeframe, n.expected, n.present, n.absent, n.pending) for n in lines]
    assert found == rows(engine, _SUMS)
    assert one in lines
