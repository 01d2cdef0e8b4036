"""The one writer: what a flush leaves in the database, and who may flush."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.errors import DatabaseRefusal, DatabaseUnavailable
from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.live.updates import BadMessage
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.pipelines.live.writing.batches import Batch
from candlehouse.pipelines.live.writing.writers import Flushed
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.completeness.gaps import record_gaps
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.writer_lock import find_writer_pid
from candlehouse.storage.upkeep.maintenance import has_timescale
from support.data.batches import closed_of, deferred_of, forming_of, make_batch, make_writers
from support.data.updates import BTC, ETH, START_MS, make_price, make_update

NOW = from_ms(START_MS) + timedelta(hours=1)
GRACE = timedelta(minutes=10)
BTC5 = Series("BTCUSDT", Timeframe.M5)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[LiveWriter]:
    writer = LiveWriter(engine, make_writers(GRACE))
    assert writer.try_lock()
    yield writer
    writer.close()


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def flush(writer: LiveWriter, *closed: CandleUpdate) -> Flushed:
    return writer.flush(make_batch(closed=closed), NOW)


def write(engine: Engine, source: Source, *updates: CandleUpdate) -> None:
    pages = []
    for update in updates:
        opens = from_ms(update.open_ms)
        span = Span(opens, opens + update.series.timeframe.length)
        pages.append(CheckedPage(update.series, span, source, CandleRows.of_lines([update.line])))
    with engine.begin() as connection:
        lock_series(connection, (update.series for update in updates))
        write_candles(connection, pages)


def terminate(engine: Engine) -> None:
    """Ends the writer's connection from the side of the server."""
    with engine.begin() as connection:
        pid = find_writer_pid(connection)
        assert pid is not None
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_closed_candles_are_stored_as_any_other_writer_stores_them(
    engine: Engine, writer: LiveWriter
) -> None:
    updates = [make_update(slot=slot, closed=True) for slot in range(3)]
    others = [make_update(ETH, slot, closed=True) for slot in range(3)]
    flushed = flush(writer, *updates, make_update(BTC5, closed=True))
    write(engine, Source.STREAM, *others)

    assert (len(closed_of(flushed)), deferred_of(flushed)) == (4, [])
    values = "open_time, close_time, open, high, low, close, volume, quote_volume, trades, source"
    for_symbol = f"SELECT {values}, taker_buy_volume FROM market.candles_1m WHERE symbol = "
    stored = rows(engine, f"{for_symbol}'BTCUSDT' ORDER BY 1")
    assert stored == rows(engine, f"{for_symbol}'ETHUSDT' ORDER BY 1")
    assert len(stored) == 3
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []


@pytest.mark.parametrize(("source", "applied"), [(Source.REST, False), (Source.STREAM, True)])
def test_candle_that_differs_replaces_only_what_ranks_no_higher(
    engine: Engine, writer: LiveWriter, source: Source, applied: bool
) -> None:
    write(engine, source, make_update(closed=True))
    flushed = flush(writer, make_update(closed=True, close="42005.00000000"))

    assert len(closed_of(flushed)) == 1
    assert rows(engine, "SELECT applied FROM market.corrections") == [(applied,)]
    [(close,)] = rows(engine, "SELECT close FROM market.candles")
    assert (float(str(close)) == 42005) is applied


def test_series_that_another_transaction_writes_is_put_off_alone(
    engine: Engine, writer: LiveWriter
) -> None:
    btc, eth = make_update(closed=True), make_update(ETH, closed=True)
    with engine.begin() as connection:
        lock_series(connection, [BTC])
        flushed = flush(writer, btc, eth)
        assert (closed_of(flushed), deferred_of(flushed)) == ([eth], [btc])
    assert closed_of(flush(writer, *deferred_of(flushed))) == [btc]
    assert rows(engine, "SELECT count(*) FROM market.candles") == [(2,)]


def test_candle_that_the_database_refuses_is_quarantined_and_the_rest_is_written(
    engine: Engine, writer: LiveWriter
) -> None:
    with engine.connect() as connection:
        if has_timescale(connection):
            pytest.skip("a hypertable has chunks for any year")
    late = (2036 - 2026) * 366 * 24 * 60
    good = [make_update(closed=True), make_update(ETH, closed=True)]
    flushed = flush(writer, good[0], make_update(slot=late, closed=True), good[1])

    assert closed_of(flushed) == good
    assert rows(engine, "SELECT symbol, timeframe, rule FROM market.quarantined_candles") == [
        ("BTCUSDT", "1m", "refused_by_database")
    ]


def test_what_is_forming_never_becomes_a_candle(engine: Engine, writer: LiveWriter) -> None:
    batch = make_batch(forming=[make_update(), make_update(ETH)], prices=[make_price()])
    assert len(forming_of(writer.flush(batch, NOW))) == 2

    assert rows(engine, "SELECT count(*) FROM market.candles") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM market.live_candles") == [(2,)]
    assert rows(engine, "SELECT symbol FROM market.latest_prices") == [("BTCUSDT",)]


def test_one_candle_several_times_in_a_batch_ends_with_its_last_values(
    engine: Engine, writer: LiveWriter
) -> None:
    first = make_update(closed=True)
    second = make_update(closed=True, close="42005.00000000")
    flushed = flush(writer, first, first, second)

    assert closed_of(flushed) == [first, first, second]
    assert rows(engine, "SELECT close::float8 FROM market.candles") == [(42005.0,)]
    corrections = "SELECT before->>'close', after->>'close', applied FROM market.corrections"
    assert rows(engine, corrections) == [("42000.10000000", "42005.00000000", True)]


def test_timeframes_of_one_batch_never_mix(engine: Engine, writer: LiveWriter) -> None:
    closed = [make_update(BTC, 4, closed=True), make_update(BTC5, closed=True)]
    with engine.begin() as connection:
        # Slots inside gaps go the general way, timeframe after timeframe.
        for series in (BTC, BTC5):
            span = Span(from_ms(START_MS), from_ms(START_MS) + timedelta(minutes=5))
            gap = Gap(span, Verdict.PENDING)
            record_gaps(connection, series.timeframe, {series.symbol: [gap]}, NOW)
    assert closed_of(writer.flush(make_batch(closed=closed), NOW)) == closed

    query = "SELECT timeframe, open_time FROM market.candles ORDER BY open_time"
    assert rows(engine, query) == [
        ("5m", from_ms(START_MS)), ("1m", from_ms(START_MS) + timedelta(minutes=4)),
    ]  # fmt: skip
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []


def test_bad_messages_are_kept_whatever_is_in_them(engine: Engine, writer: LiveWriter) -> None:
    bad = [
        BadMessage("\x00{", "not_json", None),
        BadMessage("[]", "unknown_message", candle_channel(BTC)),
    ]
    writer.flush(make_batch(bad=bad), NOW)
    writer.flush(make_batch(bad=bad), NOW)

    assert rows(engine, "SELECT symbol, rule, raw FROM market.quarantined_candles ORDER BY 2") == [
        (None, "not_json", "\N{REPLACEMENT CHARACTER}{"), ("BTCUSDT", "unknown_message", "[]"),
    ]  # fmt: skip


def soon(condition: Callable[[], bool]) -> bool:
    """Whether it comes about: a server process takes a moment to end."""
    until = time.monotonic() + 10
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("end", [lambda writer, _: writer.close(), lambda _, e: terminate(e)])
def test_second_writer_stands_by_until_the_first_ones_connection_ends(
    engine: Engine, writer: LiveWriter, end: object
) -> None:
    second = LiveWriter(engine, make_writers(GRACE))
    try:
        assert not writer.has_standby()
        assert not second.try_lock()
        assert writer.has_standby()
        assert callable(end)
        end(writer, engine)
        assert soon(second.try_lock)
        assert not second.has_standby()
    finally:
        second.close()


@pytest.mark.parametrize("batch", [
    make_batch(closed=[make_update(closed=True)]),
    make_batch(forming=[make_update()]),
    make_batch(bad=[BadMessage("[]", "unknown_message", None)]),
])  # fmt: skip
def test_lost_connection_costs_the_lock(engine: Engine, writer: LiveWriter, batch: Batch) -> None:
    second = LiveWriter(engine, make_writers(GRACE))
    try:
        assert not second.try_lock()
        terminate(engine)
        with pytest.raises(DatabaseUnavailable):
            writer.flush(replace(batch), NOW)
        assert soon(second.try_lock)
        assert not writer.try_lock()
        assert second.has_standby()
    finally:
        second.close()


def test_connection_lost_between_two_flushes_leaves_nobody_writing_without_the_lock(
    engine: Engine, writer: LiveWriter
) -> None:
    terminate(engine)
    with pytest.raises(DatabaseUnavailable):
        writer.has_standby()
    with pytest.raises(DatabaseUnavailable, match="lock"):
        flush(writer, make_update(closed=True))

    assert rows(engine, "SELECT count(*) FROM market.candles") == [(0,)]
    assert writer.try_lock()
    assert len(closed_of(flush(writer, make_update(closed=True)))) == 1


def test_server_that_ends_the_connection_inside_a_transaction_loses_nothing_silently(
    engine: Engine, writer: LiveWriter
) -> None:
    # The commit of each transaction fails: its deferred trigger ends the backend.
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE SCHEMA IF NOT EXISTS public;"
            "CREATE FUNCTION public.fall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
            "CREATE CONSTRAINT TRIGGER fall AFTER INSERT ON market.live_candles"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.fall()"
        )
    closed = make_update(closed=True)
    with pytest.raises(DatabaseUnavailable):
        writer.flush(make_batch(closed=[closed], forming=[closed]), NOW)

    assert rows(engine, "SELECT count(*) FROM market.candles") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM market.live_candles") == [(0,)]
    with engine.connect() as connection:
        assert find_writer_pid(connection) is None


def fail_inserts(engine: Engine, sqlstate: str, times: int) -> None:
    """Makes the next inserts of closed candles fail with a code of the server's."""
    with engine.begin() as connection:
        # A sequence counts transactions that are rolled back as well.
        connection.exec_driver_sql(
            "CREATE SCHEMA IF NOT EXISTS public;"
            "CREATE SEQUENCE public.failures;"
            "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('public.failures') <= {times} THEN"
            f" RAISE EXCEPTION 'on trial' USING ERRCODE = '{sqlstate}'; END IF;"
            " RETURN NEW; END $$;"
            "CREATE TRIGGER fail BEFORE INSERT ON market.candles_1m"
            " FOR EACH ROW EXECUTE FUNCTION public.fail()"
        )


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "57014", "55P03"])
def test_conflicts_and_cancelled_statements_are_tried_again_with_the_lock_held(
    engine: Engine, writer: LiveWriter, sqlstate: str
) -> None:
    fail_inserts(engine, sqlstate, 2)
    with engine.connect() as connection:
        pid = find_writer_pid(connection)
    closed = make_update(closed=True)

    assert closed_of(flush(writer, closed)) == [closed]
    assert rows(engine, "SELECT count(*) FROM market.candles") == [(1,)]
    with engine.connect() as connection:
        assert find_writer_pid(connection) == pid


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [("25006", DatabaseUnavailable), ("53100", DatabaseUnavailable), ("42501", DatabaseRefusal)],
)
def test_what_is_not_wrong_with_a_candle_never_puts_it_into_quarantine(
    engine: Engine, writer: LiveWriter, sqlstate: str, expected: type[Exception]
) -> None:
    fail_inserts(engine, sqlstate, 100)
    with pytest.raises(expected, match="on trial"):
        flush(writer, make_update(closed=True), make_update(ETH, closed=True))

    assert rows(engine, "SELECT count(*) FROM market.quarantined_candles") == [(0,)]


def test_server_that_takes_no_writes_gives_nobody_the_lock(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f'ALTER DATABASE "{engine.url.database}" SET default_transaction_read_only = on'
        )
    engine.dispose()
    writer = LiveWriter(engine, make_writers(GRACE))
    try:
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            writer.try_lock()
        with engine.connect() as connection:
            assert find_writer_pid(connection) is None
    finally:
        writer.close()
