"""What is on record as validated: each change of candles takes it back, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage, PublishedPage
from candlehouse.core.candles.published_rows import PageDay, PublishedRows
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import DAY, Timeframe, from_ms
from candlehouse.core.validating.validation_due import ValidationState
from candlehouse.core.validating.validation_windows import ALL_TIME, Reach, ValidationScope, Window
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.closed_candles import insert_closed
from candlehouse.storage.truth.validation_runs import (
    finish_run,
    insert_run,
    open_validation_snapshot,
    select_state,
)
from support.data.live_updates import make_update
from support.data.stored_market import set_clock

T0 = datetime(2024, 3, 1, tzinfo=UTC)
M5, M1 = Timeframe.M5, Timeframe.M1
BTC, ETH = Series("BTCUSDT", M5), Series("ETHUSDT", M5)
LATE = timedelta(hours=23, minutes=55)
EARLY = timedelta(hours=3)
Write = Callable[[Connection, list[CandleUpdate]], object]


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def update(series: Series, at: timedelta, close: str = "2.00000000") -> CandleUpdate:
    return make_update(series, T0 + at, close=close)


def write_pages(
    connection: Connection, updates: list[CandleUpdate], source: Source = Source.REST
) -> None:
    slots = [M5.floor(from_ms(one.open_ms)) for one in updates]
    pages = [
        CheckedPage(
            one.series, Span(slot, slot + M5.length), source, CandleRows.of_lines([one.line])
        )
        for one, slot in zip(updates, slots, strict=True)
    ]
    write_candles(connection, pages)


def write_file(connection: Connection, updates: list[CandleUpdate]) -> None:
    for one in updates:
        opened = from_ms(one.open_ms)
        csv = one.line.partition("\t")[2].replace("\t", ",").encode() + b",0\n"
        days = (PageDay(opened.date(), 1, opened, opened, off_grid=False),)
        span = Span(opened, opened + M5.length)
        rows = PublishedRows(csv, 1, days)
        page = PublishedPage(one.series, span, Source.ARCHIVE, rows)
        write_candles(connection, [page])


def write_closed(connection: Connection, updates: list[CandleUpdate]) -> None:
    assert insert_closed(connection, updates[0].series.timeframe, updates) == []


def store(engine: Engine, write: Write, *updates: CandleUpdate) -> None:
    with engine.begin() as connection:
        lock_series(connection, [one.series for one in updates])
        write(connection, list(updates))


def validate_all(engine: Engine, passed: bool = True) -> None:
    """As a run does, without looking."""
    scope, now = ValidationScope(Reach.NEW), T0 + 9 * DAY
    with engine.begin() as connection:
        run_id = insert_run(connection, scope, [M5], now)
    for timeframe in Timeframe:
        with open_validation_snapshot(engine) as look:
            look.record(run_id, timeframe, Window((), ALL_TIME), now, passed)
    with engine.begin() as connection:
        finish_run(connection, run_id, [], passed, 0)


def list_left(engine: Engine) -> list[tuple[str, int]]:
    """Symbols with the days of March on which something is not validated."""
    sql = (
        "SELECT symbol, day FROM market.validation_coverage WHERE validated < stored ORDER BY 1, 2"
    )
    with engine.connect() as connection:
        days: list[tuple[str, date]] = [(row[0], row[1]) for row in connection.execute(text(sql))]
    return [(symbol, day.day) for symbol, day in days]


@pytest.mark.parametrize("write", [write_pages, write_file, write_closed])
def test_new_candle_takes_back_its_day_and_what_depends_on_it(engine: Engine, write: Write) -> None:
    for day in range(4):
        store(engine, write_pages, update(BTC, day * DAY + EARLY), update(ETH, day * DAY + EARLY))
    assert len(list_left(engine)) == 8
    validate_all(engine)
    assert list_left(engine) == []
    store(engine, write, update(BTC, DAY + 2 * EARLY))
    assert list_left(engine) == [("BTCUSDT", 2)]
    validate_all(engine)
    # Within two hours of the next day's first candles.
    store(engine, write, update(BTC, DAY + LATE))
    assert list_left(engine) == [("BTCUSDT", 2), ("BTCUSDT", 3)]
    validate_all(engine)
    store(engine, write, update(ETH, 8 * DAY))
    assert list_left(engine) == [("ETHUSDT", 9)]


def test_batch_of_a_stream_that_crosses_midnight_takes_back_both_days(engine: Engine) -> None:
    store(engine, write_pages, update(BTC, EARLY), update(BTC, DAY + EARLY))
    validate_all(engine)
    store(engine, write_closed, update(BTC, LATE), update(BTC, DAY))
    assert list_left(engine) == [("BTCUSDT", 1), ("BTCUSDT", 2)]


def test_only_what_changed_is_taken_back(engine: Engine) -> None:
    stored = [update(one, n * DAY + LATE) for one in (BTC, ETH) for n in range(5)]
    store(engine, write_pages, *stored)
    validate_all(engine)
    # Nothing of it is new; one is refused, for it comes from a source that ranks lower.
    store(engine, write_pages, *stored)
    refused = update(BTC, LATE, close="1.5")
    store(engine, lambda *given: write_pages(*given, source=Source.STREAM), refused)
    assert list_left(engine) == []
    corrected = update(BTC, 2 * DAY + LATE, close="1.5")
    store(engine, write_pages, *stored[:2], corrected, *stored[5:])
    assert list_left(engine) == [("BTCUSDT", 3), ("BTCUSDT", 4)]
    validate_all(engine)
    # A second one in a slot that is held leaves the count of slots as it was.
    store(engine, write_pages, update(ETH, EARLY))
    validate_all(engine)
    store(engine, write_pages, update(ETH, EARLY + timedelta(minutes=1)))
    assert list_left(engine) == [("ETHUSDT", 1)]


def test_run_that_is_second_to_record_a_day_leaves_it_as_it_is(engine: Engine) -> None:
    store(engine, write_pages, update(BTC, EARLY))
    scope, now, window = ValidationScope(Reach.NEW), T0 + 9 * DAY, Window((), ALL_TIME)
    with engine.begin() as connection:
        first, second = (insert_run(connection, scope, [M5], now) for _ in range(2))
    with open_validation_snapshot(engine) as slow:
        with open_validation_snapshot(engine) as fast:
            fast.record(first, M5, window, now, passed=True)
        slow.record(second, M5, window, now, passed=False)
    assert list_left(engine) == []


def test_broken_window_is_on_record_as_that(engine: Engine) -> None:
    store(engine, write_pages, update(BTC, EARLY), update(BTC, DAY + EARLY))
    validate_all(engine, passed=False)
    sql = "SELECT stored, validated, failed, unvalidated FROM market.validation_totals"
    with engine.connect() as connection:
        assert [tuple(map(int, row)) for row in connection.execute(text(sql))] == [(2, 0, 2, 0)]


def test_state_tells_history_from_what_trickles_in(engine: Engine) -> None:
    def read() -> ValidationState:
        with engine.connect() as connection:
            return select_state(connection)

    assert read() == ValidationState()
    set_clock(engine, T0 + 4 * DAY + EARLY)
    store(engine, write_pages, update(BTC, 4 * DAY))
    state = read()
    assert (state.stored, state.unvalidated, state.history, state.history_age) == (True, 1, 0, None)
    assert state.first_age is not None
    store(engine, write_pages, update(BTC, 2 * DAY), update(ETH, 3 * DAY))
    state = read()
    assert (state.unvalidated, state.history, state.run_age) == (3, 1, None)
    assert state.history_age is not None
    validate_all(engine)
    store(engine, write_pages, update(ETH, 4 * DAY))
    state = read()
    assert (state.unvalidated, state.history, state.running) == (1, 0, False)
    assert state.has_work
    assert state.run_age is not None
    validate_all(engine, passed=False)
    assert (read().unvalidated, read().unsettled, read().broken) == (0, 0, True)
    validate_all(engine)
    assert not read().has_work


def test_state_asks_for_nothing_that_a_run_came_to_the_end_of(engine: Engine) -> None:
    set_clock(engine, T0 + 9 * DAY)
    store(engine, write_pages, update(BTC, EARLY), update(ETH, EARLY))
    with engine.begin() as connection:
        age = "UPDATE market.coverage_days SET changed_at = changed_at - interval '1 day'"
        connection.execute(text(age))
        scope = ValidationScope(Reach.NEW)
        # One that was killed, and one that was about another timeframe, have not.
        insert_run(connection, scope, [M5], T0)
        finish_run(connection, insert_run(connection, scope, [M1], T0), [], True, 0)
    with engine.connect() as connection:
        assert select_state(connection).history == 2
    with engine.begin() as connection:
        finish_run(connection, insert_run(connection, scope, [M1, M5], T0), [], True, 0)
    with engine.connect() as connection:
        assert not select_state(connection).has_work


def test_run_at_work_and_days_to_be_settled_are_told(engine: Engine) -> None:
    set_clock(engine, T0 + DAY)
    store(engine, write_pages, update(BTC, EARLY))
    with engine.begin() as connection:
        run_id = insert_run(connection, ValidationScope(Reach.NEW), [M5], T0 + DAY)
    with open_validation_snapshot(engine) as look:
        look.record(run_id, M5, Window(("BTCUSDT",), ALL_TIME), T0 + DAY, True)
    for hours, unsettled in ((0, 0), (1, 1)):
        set_clock(engine, T0 + DAY + timedelta(hours=hours))
        with engine.connect() as connection:
            state = select_state(connection)
        assert (state.running, state.unvalidated, state.unsettled) == (True, 0, unsettled)
