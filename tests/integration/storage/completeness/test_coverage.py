"""The coverage view against a count by hand, on both storage paths."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.completeness.coverage import find_differences, select_status
from candlehouse.storage.completeness.gaps import fill_gaps, record_gaps
from candlehouse.storage.completeness.series import end_series, upsert_first_open_times, want_series
from candlehouse.storage.database.engine import connect
from support.exchanges.model_exchange import ModelExchange

T0 = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Series("BTCUSDT", Timeframe.H1)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    set_clock(engine, T0 + 60 * HOUR)
    yield engine
    engine.dispose()


def set_clock(engine: Engine, now: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO market.exchange_state (identity, rest_url, coingecko_url,"
                " products_url, exchange_time, clock_offset_ms, weight_limit, close_grace)"
                " VALUES ('test', '', '', '', :now, 0, 6000, '10 minutes')"
                " ON CONFLICT (only_row) DO UPDATE SET exchange_time = EXCLUDED.exchange_time"
            ),
            {"now": now},
        )


def hours(first: int, last: int) -> Span:
    return Span(T0 + first * HOUR, T0 + last * HOUR)


def store(engine: Engine, span: Span) -> None:
    exchange = ModelExchange(T0 + timedelta(days=99), {BTC.symbol: T0 - timedelta(days=9)})
    slots = exchange.slots(BTC, span)
    rows = "".join(exchange.row(BTC, slot) for slot in slots)
    with engine.begin() as connection:
        lock_series(connection, [BTC])
        write_candles(connection, [CheckedPage(BTC, span, Source.REST, CandleRows(rows))])


def note(engine: Engine, *gaps: Gap) -> None:
    with engine.begin() as connection:
        record_gaps(connection, Timeframe.H1, {BTC.symbol: gaps}, T0)


def want(engine: Engine, first: datetime, collection_start: datetime) -> None:
    with engine.begin() as connection:
        upsert_first_open_times(connection, {BTC: first})
        want_series(connection, [BTC.symbol], [Timeframe.H1], collection_start)


def coverage(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT (day - date '2024-03-01'), expected, present, absent, pending, reasons"
                " FROM market.coverage ORDER BY day"
            )
        )
        return [tuple(row) for row in rows]


def test_a_wanted_series_lacks_every_closed_hour_until_it_is_collected(engine: Engine) -> None:
    want(engine, T0 - timedelta(days=5), T0)
    # The hour that closed at 60:00 is within the grace of ten minutes.
    assert coverage(engine) == [
        (0, 24, 0, 0, 24, {}), (1, 24, 0, 0, 24, {}), (2, 11, 0, 0, 11, {}),
    ]  # fmt: skip
    store(engine, hours(0, 30))
    assert coverage(engine) == [
        (0, 24, 24, 0, 0, {}), (1, 24, 6, 0, 18, {}), (2, 11, 0, 0, 11, {}),
    ]  # fmt: skip


def test_a_candle_within_the_grace_does_not_stand_in_for_a_missing_one(engine: Engine) -> None:
    want(engine, T0 - timedelta(days=5), T0)
    store(engine, hours(0, 50))
    store(engine, hours(51, 60))
    assert coverage(engine)[-1] == (2, 12, 11, 0, 1, {})


def test_history_is_wanted_from_the_first_candle_of_a_late_listing(engine: Engine) -> None:
    want(engine, T0 + 9 * HOUR + timedelta(minutes=30), T0 - timedelta(days=30))
    assert coverage(engine)[0] == (0, 15, 0, 0, 15, {})


def test_reasons_are_counted_a_day_at_a_time(engine: Engine) -> None:
    want(engine, T0 - timedelta(days=5), T0)
    store(engine, hours(0, 20))
    store(engine, hours(28, 59))
    note(engine, Gap(hours(20, 26), Verdict.EXCHANGE_OUTAGE), Gap(hours(26, 28), Verdict.NO_DATA))
    assert coverage(engine) == [
        (0, 24, 20, 4, 0, {"exchange_outage": 4}),
        (1, 24, 20, 4, 0, {"exchange_outage": 2, "no_data": 2}),
        (2, 11, 11, 0, 0, {}),
    ]


def test_a_series_nobody_wants_shows_what_it_was_asked_for(engine: Engine) -> None:
    store(engine, hours(5, 10))
    note(engine, Gap(hours(-2, 5), Verdict.NOT_LISTED), Gap(hours(10, 12), Verdict.PENDING))
    assert coverage(engine) == [
        (-1, 2, 0, 2, 0, {"not_listed": 2}),
        (0, 12, 5, 5, 2, {"not_listed": 5}),
    ]


def test_nothing_more_is_wanted_after_a_symbol_left(engine: Engine) -> None:
    want(engine, T0 - timedelta(days=5), T0)
    store(engine, hours(0, 30))
    note(engine, Gap(hours(30, 36), Verdict.DELISTED))
    with engine.begin() as connection:
        end_series(connection, BTC, T0 + 30 * HOUR)
    assert coverage(engine) == [(0, 24, 24, 0, 0, {}), (1, 12, 6, 6, 0, {"delisted": 6})]


def test_candles_that_arrive_move_their_gap_into_history(engine: Engine) -> None:
    note(engine, Gap(hours(0, 10), Verdict.NO_DATA, {"witnesses": 3}))
    store(engine, hours(4, 6))
    with engine.begin() as connection:
        fill_gaps(connection, Timeframe.H1, {BTC.symbol: [hours(4, 6)]}, T0 + 99 * HOUR)
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT gap_start, gap_end, candles_missing FROM market.gaps ORDER BY 1")
        ).all()
        gone = connection.execute(
            text("SELECT gap_start, gap_end, verdict, evidence, filled_at FROM market.gap_history")
        ).all()
        assert list(find_differences(connection)) == []
    assert [tuple(row) for row in left] == [(*hours(0, 4), 4), (*hours(6, 10), 4)]
    assert [tuple(row) for row in gone] == [
        (*hours(4, 6), "no_data", {"witnesses": 3}, T0 + 99 * HOUR)
    ]


def test_status_adds_the_days_up(engine: Engine) -> None:
    want(engine, T0 - timedelta(days=5), T0)
    store(engine, hours(0, 30))
    with engine.connect() as connection:
        (line,) = select_status(connection)
        assert select_status(connection, ["ETHUSDT"]) == []
        assert select_status(connection, None, [Timeframe.M5]) == []
    assert (line.expected, line.present, line.absent, line.pending) == (59, 30, 0, 29)
    assert line.last_open_time == T0 + 29 * HOUR
    assert line.complete_percent == pytest.approx(100 * 30 / 59)


def test_verify_names_a_wrong_count_and_a_gap_that_is_none(engine: Engine) -> None:
    store(engine, hours(0, 30))
    note(engine, Gap(hours(40, 42), Verdict.NO_DATA))
    with engine.begin() as connection:
        connection.execute(text("UPDATE market.coverage_days SET present_slots = 23"))
        connection.execute(text("UPDATE market.gaps SET gap_start = '2024-03-02 05:00+00'"))
        found = list(find_differences(connection))
    assert len(found) == 3
    assert found[0] == "BTCUSDT 1h 2024-03-01: 23 slots counted, 24 held"
    assert "a candle opens at 2024-03-02 05:00:00+00:00" in found[2]
