"""The writer on both storage paths: exact, idempotent, and honest about corrections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage, RejectedRow
from candlehouse.core.gaps import merge_spans
from candlehouse.core.model import Excuse, Series, Source, Span
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.candles.page_writer import Written, lock_series, write_candles
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.upkeep.maintenance import convert_old_chunks, has_timescale

T0 = datetime(2024, 2, 27, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Series("BTCUSDT", Timeframe.H1)
COLUMNS = (
    "open", "high", "low", "close", "volume",
    "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume",
)  # fmt: skip


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def line(
    opens: datetime, close: str = "2.00000000", *, series: Series = BTC, volume: str = "7.10000000"
) -> str:
    cells = (
        series.symbol, to_ms(opens), "1.00000000", "3.00000000", "0.50000000", close, volume,
        to_ms(opens) + series.timeframe.length_ms - 1, "14.20000001", 5, "3.50000000", "7.00000000",
    )  # fmt: skip
    return "\t".join(map(str, cells)) + "\n"


def page(
    rows: list[str],
    span: Span,
    source: Source = Source.REST,
    series: Series = BTC,
    rejected: tuple[RejectedRow, ...] = (),
) -> CheckedPage:
    return CheckedPage(series, span, source, CandleRows("".join(rows)), rejected)


def hours(first: int, last: int) -> Span:
    return Span(T0 + first * HOUR, T0 + last * HOUR)


def whole(span: Span, source: Source = Source.REST, close: str = "2.00000000") -> CheckedPage:
    count = (span.end - span.start) // HOUR
    return page([line(span.start + n * HOUR, close) for n in range(count)], span, source)


def write(engine: Engine, *pages: CheckedPage, excuse: Excuse | None = None) -> Written:
    with engine.begin() as connection:
        lock_series(connection, (one.series for one in pages))
        return write_candles(connection, pages, excuse)


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def test_every_number_is_stored_as_the_exchange_wrote_it(engine: Engine) -> None:
    # More digits than a double or a bigint scaled by 1e8 could hold.
    volume = "123456789012345.12345678"
    write(engine, page([line(T0, volume=volume)], hours(0, 1)))
    (stored,) = rows(engine, f"SELECT {', '.join(COLUMNS)} FROM market.candles")
    assert [format(value, "f") if isinstance(value, Decimal) else value for value in stored] == [
        "1.00000000", "3.00000000", "0.50000000", "2.00000000", volume,
        "14.20000001", 5, "3.50000000", "7.00000000",
    ]  # fmt: skip
    assert rows(engine, "SELECT open_time, close_time, timeframe, source FROM market.candles") == [
        (T0, T0 + HOUR - timedelta(milliseconds=1), "1h", "rest")
    ]


def test_equal_rows_change_nothing_not_even_where_they_came_from(engine: Engine) -> None:
    assert write(engine, whole(hours(0, 30), Source.STREAM)) == Written(inserted=30)
    before = rows(engine, "SELECT * FROM market.candles_1h ORDER BY open_time")
    assert write(engine, whole(hours(0, 30), Source.ARCHIVE)) == Written()
    assert rows(engine, "SELECT * FROM market.candles_1h ORDER BY open_time") == before
    assert rows(engine, "SELECT * FROM market.corrections") == []


def test_a_better_source_corrects_and_leaves_before_and_after(engine: Engine) -> None:
    write(engine, whole(hours(0, 3), Source.STREAM))
    written = write(engine, page([line(T0 + HOUR, "2.50000000")], hours(1, 2)))
    assert (written.inserted, written.corrected, written.refused) == (0, 1, 0)
    assert rows(
        engine,
        "SELECT open_time, source_before, source_after, before->>'close', after->>'close', applied"
        " FROM market.corrections",
    ) == [(T0 + HOUR, "stream", "rest", "2.00000000", "2.50000000", True)]
    assert rows(engine, "SELECT close, source FROM market.candles ORDER BY open_time") == [
        (Decimal("2"), "stream"), (Decimal("2.5"), "rest"), (Decimal("2"), "stream"),
    ]  # fmt: skip


def test_a_lesser_source_is_refused_and_recorded_once(engine: Engine) -> None:
    write(engine, whole(hours(0, 2), Source.ARCHIVE))
    differing = page([line(T0, "2.50000000")], hours(0, 1))
    assert write(engine, differing) == Written(refused=1)
    assert write(engine, differing) == Written()
    assert rows(engine, "SELECT DISTINCT close, source FROM market.candles") == [
        (Decimal("2"), "archive")
    ]
    assert rows(engine, "SELECT source_after, applied FROM market.corrections") == [("rest", False)]


def test_the_same_source_may_correct_itself(engine: Engine) -> None:
    write(engine, whole(hours(0, 1)))
    assert write(engine, whole(hours(0, 1), close="2.10000000")) == Written(corrected=1)
    assert write(engine, whole(hours(0, 1), close="2.20000000")) == Written(corrected=1)
    assert rows(engine, "SELECT count(*) FROM market.corrections WHERE applied") == [(2,)]


@pytest.mark.parametrize("source", list(Source))
def test_a_candle_loses_nothing_to_a_source_of_its_own_rank(engine: Engine, source: Source) -> None:
    """Seen again before it was complete: with fewer trades, or with less volume."""
    full, early = line(T0), line(T0, "1.90000000", volume="7.00000000")
    cells = full.split("\t")
    fewer_trades = "\t".join([*cells[:9], "4", *cells[10:]])
    write(engine, page([full], hours(0, 1), source))
    for lesser in (early, fewer_trades):
        assert write(engine, page([lesser], hours(0, 1), source)) == Written(refused=1)
        assert write(engine, page([lesser], hours(0, 1), source)) == Written()
    assert rows(engine, "SELECT close, volume::text, trades FROM market.candles") == [
        (Decimal("2"), "7.10000000", 5)
    ]
    assert (
        rows(engine, "SELECT applied, reason FROM market.corrections")
        == [(False, "loses_trades")] * 2
    )
    # The other way round it is the complete one that comes later.
    later = line(T0, "2.10000000", volume="7.20000000")
    assert write(engine, page([later], hours(0, 1), source)) == Written(corrected=1)


@pytest.mark.parametrize("excuse", list(Excuse))
def test_a_candle_may_lose_trades_where_somebody_asked_for_it(
    engine: Engine, excuse: Excuse
) -> None:
    write(engine, page([line(T0)], hours(0, 1)))
    lesser = page([line(T0, volume="7.00000000")], hours(0, 1))
    assert write(engine, lesser, excuse=excuse) == Written(corrected=1)
    assert rows(engine, "SELECT applied, reason FROM market.corrections") == [(True, excuse.value)]


def test_a_better_source_may_say_less_and_a_lesser_one_never_says_why(engine: Engine) -> None:
    write(engine, page([line(T0)], hours(0, 1), Source.STREAM))
    lesser = page([line(T0, volume="7.00000000")], hours(0, 1))
    assert write(engine, lesser) == Written(corrected=1)
    more = page([line(T0, volume="8.00000000")], hours(0, 1), Source.STREAM)
    assert write(engine, more, excuse=Excuse.RECONCILED) == Written(refused=1)
    assert rows(engine, "SELECT applied, reason FROM market.corrections ORDER BY 1") == [
        (False, "lower_source"), (True, None),
    ]  # fmt: skip


def test_impossible_rows_go_to_quarantine_and_the_others_are_stored(engine: Engine) -> None:
    above_high = line(T0 + HOUR, "9.00000000")
    too_much_taken = line(T0 + 2 * HOUR, volume="0.10000000")
    written = write(engine, page([line(T0), above_high, too_much_taken], hours(0, 3)))
    assert (written.inserted, written.quarantined) == (1, 2)
    assert written.uneven == {"BTCUSDT"}
    found = rows(
        engine, "SELECT open_time, rule, source, raw FROM market.quarantined_candles ORDER BY 1"
    )
    assert [row[:3] for row in found] == [
        (T0 + HOUR, "prices_out_of_order", "rest"),
        (T0 + 2 * HOUR, "taker_above_total", "rest"),
    ]
    assert "9.00000000" in str(found[0][3])
    assert write(engine, page([above_high], hours(1, 2))).quarantined == 0, "once is enough"


def test_rows_whose_quote_or_end_cannot_be_go_to_quarantine(engine: Engine) -> None:
    cells = line(T0).rstrip("\n").split("\t")
    too_much_paid = "\t".join([*cells[:11], "99999.0"])
    ends_in_1970 = "\t".join([*line(T0 + HOUR).rstrip("\n").split("\t")[:7], "1", *cells[8:]])
    # Genuine ones end before they begin.
    ends_early = line(T0 + 2 * HOUR).rstrip("\n").split("\t")
    ends_early[7] = str(int(ends_early[1]) - 1000)
    written = write(
        engine,
        page(
            [f"{too_much_paid}\n", f"{ends_in_1970}\n", "\t".join(ends_early) + "\n"], hours(0, 3)
        ),
    )
    assert (written.inserted, written.quarantined) == (1, 2)
    assert rows(engine, "SELECT open_time, rule FROM market.quarantined_candles ORDER BY 1") == [
        (T0, "taker_above_total"),
        (T0 + HOUR, "wrong_close_time"),
    ]


def test_rows_that_the_decoder_rejected_are_quarantined(engine: Engine) -> None:
    rejected = RejectedRow("raw,text", "duplicate_open_time", T0)
    assert write(engine, page([], hours(0, 1), rejected=(rejected,))).quarantined == 1
    assert rows(engine, "SELECT symbol, rule, raw FROM market.quarantined_candles") == [
        ("BTCUSDT", "duplicate_open_time", "raw,text")
    ]


def test_a_candle_off_the_grid_fills_its_slot_and_two_count_once(engine: Engine) -> None:
    half = timedelta(minutes=28, milliseconds=789)
    written = write(engine, page([line(T0), line(T0 + half), line(T0 + HOUR + half)], hours(0, 3)))
    assert (written.inserted, written.uneven) == (3, {"BTCUSDT"})
    assert rows(engine, "SELECT flags FROM market.candles ORDER BY open_time") == [
        (None,), (["off_grid"],), (["off_grid"],),
    ]  # fmt: skip
    assert rows(engine, "SELECT day::text, present_slots FROM market.coverage_days") == [
        ("2024-02-27", 2)
    ]
    with engine.connect() as connection:
        held = select_held(connection, Timeframe.H1, {"BTCUSDT": hours(0, 24)})
        assert held == {"BTCUSDT": [hours(0, 2)]}
        assert list(find_differences(connection)) == []


def test_held_ranges_come_from_whole_days_and_from_inside_short_ones(engine: Engine) -> None:
    # Two whole days across a leap day, then a short one with two holes.
    spans = [hours(0, 48), hours(50, 53), hours(60, 72)]
    for span in spans:
        write(engine, whole(span))
    with engine.connect() as connection:
        asked = {"BTCUSDT": hours(10, 70), "ETHUSDT": hours(0, 5)}
        assert select_held(connection, Timeframe.H1, asked) == {
            "BTCUSDT": merge_spans([hours(10, 48), hours(50, 53), hours(60, 70)])
        }


def test_a_batch_that_fails_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(Exception, match="invalid input syntax"):
        write(engine, page([line(T0), line(T0 + HOUR).replace("14.2", "x")], hours(0, 2)))
    assert rows(engine, "SELECT count(*) FROM market.candles") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM market.coverage_days") == [(0,)]


def test_a_month_again_on_compressed_chunks_changes_no_row_and_no_byte(engine: Engine) -> None:
    with engine.connect() as connection:
        if not has_timescale(connection):
            pytest.skip("only hypertables are compressed")
    month = whole(hours(0, 24 * 30), Source.ARCHIVE)
    write(engine, month)
    assert convert_old_chunks(engine, T0 + timedelta(days=900)) != []
    size = (
        "SELECT sum(pg_total_relation_size(format('%I.%I', chunk_schema, chunk_name)::regclass)),"
        " sum(total_chunks) FROM timescaledb_information.chunks, (SELECT count(*) AS total_chunks"
        " FROM timescaledb_information.chunks) AS n WHERE hypertable_name = 'candles_1h'"
    )
    before = rows(engine, size)
    stored = rows(engine, "SELECT * FROM market.candles_1h ORDER BY open_time")
    assert write(engine, month) == Written()
    assert rows(engine, size) == before
    assert rows(engine, "SELECT * FROM market.candles_1h ORDER BY open_time") == stored
    assert convert_old_chunks(engine, T0 + timedelta(days=900)) == []


def test_a_correction_reaches_into_a_compressed_chunk(engine: Engine) -> None:
    with engine.connect() as connection:
        if not has_timescale(connection):
            pytest.skip("only hypertables are compressed")
    write(engine, whole(hours(0, 24 * 30)))
    convert_old_chunks(engine, T0 + timedelta(days=900))
    assert write(engine, whole(hours(0, 24 * 30), close="2.10000000")).corrected == 24 * 30
    assert rows(engine, "SELECT DISTINCT close FROM market.candles") == [(Decimal("2.1"),)]
    assert convert_old_chunks(engine, T0 + timedelta(days=900)) != []
    assert rows(engine, "SELECT count(*) FROM market.candles") == [(24 * 30,)]
