"""Closed candles of a stream: stored at once when plainly new, left to the writer when not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.gaps import merge_spans
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.completeness.gaps import record_gaps
from candlehouse.storage.completeness.series import record_errors
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.closed_candles import insert_closed, try_lock_series
from candlehouse.storage.upkeep.maintenance import convert_old_chunks, has_timescale
from support.data.live_updates import make_update

# Half an hour before midnight: batches cross the border of a day.
T0 = datetime(2024, 2, 28, 23, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
M1 = Timeframe.M1
BTC, ETH = Series("BTCUSDT", M1), Series("ETHUSDT", M1)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def at(minute: float) -> datetime:
    return T0 + minute * MINUTE


def insert(engine: Engine, *updates: CandleUpdate) -> list[CandleUpdate]:
    with engine.begin() as connection:
        lock_series(connection, (update.series for update in updates))
        return insert_closed(connection, M1, updates)


def write(engine: Engine, *updates: CandleUpdate, source: Source = Source.REST) -> None:
    starts = [from_ms(update.open_ms) for update in updates]
    pages = [
        CheckedPage(
            update.series, Span(start, start + MINUTE), source, CandleRows.of_lines([update.line])
        )
        for start, update in zip(starts, updates, strict=True)
    ]
    with engine.begin() as connection:
        lock_series(connection, (update.series for update in updates))
        write_candles(connection, pages)


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def differences(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(find_differences(connection))


def test_new_candles_are_stored_as_the_general_writer_stores_them(engine: Engine) -> None:
    volume = "123456789012345.12345678"
    updates = [make_update(BTC, at(n), volume=volume) for n in (29, 30, 31)]
    same = [make_update(ETH, at(n), volume=volume) for n in (29, 30, 31)]
    assert insert(engine, *updates) == []
    write(engine, *same, source=Source.STREAM)
    columns = (
        "open_time, close_time, open, high, low, close, volume, quote_volume, trades,"
        " taker_buy_volume, taker_buy_quote_volume, source, flags"
    )
    for table, what in (
        ("candles_1m", f"{columns}, open::text, volume::text, taker_buy_quote_volume::text"),
        ("coverage_days", "timeframe, day, present_slots"),
        ("collector_state", "timeframe, first_open_time, last_open_time, is_realtime, last_error"),
    ):
        stored = [
            rows(engine, f"SELECT {what} FROM market.{table} WHERE symbol = '{s}' ORDER BY 2")
            for s in ("BTCUSDT", "ETHUSDT")
        ]
        assert stored[0] == stored[1] != []
    assert rows(engine, "SELECT DISTINCT volume::text FROM market.candles") == [(volume,)]
    assert differences(engine) == []


def test_what_is_held_already_is_left_to_the_general_writer(engine: Engine) -> None:
    write(engine, make_update(BTC, at(0)), make_update(ETH, at(1)))
    updates = [
        make_update(BTC, at(0)),
        make_update(BTC, at(1)),
        make_update(ETH, at(0)),
        make_update(ETH, at(1), close="2.50000000"),
    ]
    assert insert(engine, *updates) == [updates[0], updates[3]]
    assert rows(engine, "SELECT source, count(*) FROM market.candles GROUP BY 1 ORDER BY 1") == [
        ("rest", 2), ("stream", 2),
    ]  # fmt: skip
    assert insert(engine, *updates) == updates
    assert differences(engine) == []


def test_a_slot_that_holds_a_candle_off_the_grid_is_left_to_the_general_writer(
    engine: Engine,
) -> None:
    write(engine, make_update(BTC, at(0) + MINUTE / 2))
    updates = [make_update(BTC, at(minute)) for minute in (-1, 0, 1)]
    assert insert(engine, *updates) == [updates[1]]
    assert differences(engine) == []


def test_a_slot_inside_a_gap_is_left_to_the_general_writer(engine: Engine) -> None:
    gap = Gap(Span(at(2), at(4)), Verdict.EXCHANGE_OUTAGE)
    with engine.begin() as connection:
        record_gaps(connection, M1, {"BTCUSDT": [gap]}, T0)
        longer = Gap(Span(at(0), at(60)), gap.verdict)
        record_gaps(connection, Timeframe.M5, {"BTCUSDT": [longer]}, T0)
    updates = [make_update(BTC, at(minute)) for minute in range(6)]
    other = make_update(ETH, at(2))
    assert insert(engine, *updates, other) == updates[2:4]
    assert differences(engine) == []


@pytest.mark.parametrize(
    "odd",
    [
        make_update(BTC, at(0) + MINUTE / 2),
        make_update(BTC, at(0), close="9.00000000"),
        make_update(BTC, at(0), low="1.50000000"),
        make_update(BTC, at(0), low="-0.10000000"),
        make_update(BTC, at(0), volume="0.10000000"),
    ],
    ids=["off_grid", "close_above_high", "low_above_open", "negative", "taker_above_total"],
)
def test_a_candle_that_is_odd_does_not_keep_the_others_out(
    engine: Engine, odd: CandleUpdate
) -> None:
    assert insert(engine, odd, make_update(ETH, at(0)), make_update(BTC, at(1))) == [odd]
    assert rows(engine, "SELECT count(*) FROM market.candles") == [(2,)]


def test_values_that_a_source_may_leave_out_are_stored_as_null(engine: Engine) -> None:
    update = make_update(BTC, at(0))
    cells = update.line.split("\t")
    cells[8:] = [r"\N"] * 4
    assert insert(engine, update._replace(line="\t".join(cells))) == []
    assert rows(engine, "SELECT quote_volume, trades FROM market.candles") == [(None, None)]


def test_the_first_of_several_with_one_open_time_is_stored(engine: Engine) -> None:
    first = make_update(BTC, at(0), close="2.10000000")
    second, third = make_update(BTC, at(0)), make_update(BTC, at(0), close="2.20000000")
    other = make_update(BTC, at(1))
    assert insert(engine, first, second, other, third) == [second, third]
    assert rows(engine, "SELECT close::text FROM market.candles ORDER BY open_time") == [
        ("2.10000000",), ("2.00000000",),
    ]  # fmt: skip
    assert differences(engine) == []


def test_the_state_of_a_series_stays_live_and_loses_its_error(engine: Engine) -> None:
    insert(engine, make_update(BTC, at(5)))
    with engine.begin() as connection:
        record_errors(connection, {BTC: "away"})
        connection.execute(text("UPDATE market.collector_state SET is_realtime = true"))
    insert(engine, make_update(BTC, at(3)), make_update(BTC, at(9)), make_update(BTC, at(4)))
    assert rows(
        engine,
        "SELECT first_open_time, last_open_time, is_realtime, last_error"
        " FROM market.collector_state",
    ) == [(at(3), at(9), True, None)]
    assert insert(engine) == []


def test_closed_candles_reach_into_a_compressed_chunk(engine: Engine) -> None:
    with engine.connect() as connection:
        if not has_timescale(connection):
            pytest.skip("only hypertables are compressed")
    insert(engine, *[make_update(BTC, at(minute)) for minute in range(0, 60, 2)])
    assert convert_old_chunks(engine, T0 + timedelta(days=30)) != []
    updates = [make_update(BTC, at(minute)) for minute in range(60)]
    assert insert(engine, *updates) == updates[::2]
    assert rows(engine, "SELECT count(*) FROM market.candles") == [(60,)]
    assert differences(engine) == []


@pytest.fixture(scope="module")
def small_world() -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(
        st.tuples(st.sampled_from(["AUSDT", "BUSDT"]), st.integers(20, 40)), max_size=12
    )


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_batches_of_any_kind_leave_what_a_set_of_slots_would(
    engine: Engine, small_world: st.SearchStrategy[list[tuple[str, int]]], data: st.DataObject
) -> None:
    with engine.begin() as connection:
        for table in ("candles_1m", "coverage_days", "gaps", "collector_state"):
            connection.execute(text(f"DELETE FROM market.{table}"))
    gap_slots = set(data.draw(small_world, "gaps"))
    gaps = {
        symbol: merge_spans(Span(at(n), at(n + 1)) for s, n in gap_slots if s == symbol)
        for symbol, _ in gap_slots
    }
    with engine.begin() as connection:
        fresh = {s: [Gap(span, Verdict.PENDING) for span in spans] for s, spans in gaps.items()}
        record_gaps(connection, M1, fresh, T0)
    held: set[tuple[str, int]] = set()
    for _ in range(data.draw(st.integers(1, 3), "batches")):
        keys = data.draw(small_world, "batch")
        updates = [make_update(Series(symbol, M1), at(n)) for symbol, n in keys]
        left = []
        for key, update in zip(keys, updates, strict=True):
            if key in held or key in gap_slots:
                left.append(update)
            held |= {key} - gap_slots
        assert insert(engine, *updates) == left
    stored = rows(engine, "SELECT symbol, open_time FROM market.candles_1m")
    assert sorted(stored) == sorted((symbol, at(n)) for symbol, n in held)
    assert differences(engine) == []


def test_series_that_another_transaction_writes_are_passed_over(engine: Engine) -> None:
    five = Series("BTCUSDT", Timeframe.M5)
    with engine.begin() as writer, engine.begin() as stream:
        lock_series(writer, [ETH])
        assert try_lock_series(stream, [ETH, BTC, five, BTC]) == {BTC, five}
        with engine.begin() as third:
            assert try_lock_series(third, [BTC, five, ETH]) == frozenset()
        assert try_lock_series(stream, [BTC]) == {BTC}, "its own are its own"
        writer.rollback()
        assert try_lock_series(stream, [ETH]) == {ETH}
        assert try_lock_series(stream, []) == frozenset()
    with engine.begin() as later:
        assert try_lock_series(later, [BTC, five, ETH]) == {BTC, five, ETH}
