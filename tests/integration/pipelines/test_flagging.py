"""The pass over stored candles: finds what the writer cannot, and changes nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage, RejectedRow
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME, JUMP_CLOSES
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.pipelines.validating.flagging import FlagReport, flag_candles
from candlehouse.storage.database.engine import connect
from candlehouse.storage.upkeep.maintenance import convert_old_chunks, has_timescale
from support.warehouses import warehouse_of

# Two hours before a year ends: flags are of candles in two partitions.
T0 = datetime(2023, 12, 30, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC, ETH = (Series(symbol, Timeframe.H1) for symbol in ("BTCUSDT", "ETHUSDT"))
NOW = datetime(2024, 2, 1, tzinfo=UTC)
ALWAYS = Span(datetime(2023, 1, 1, tzinfo=UTC), NOW)
CALM = 60


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def line(number: int, price: str = "100", quote: str = "700", trades: int = 5) -> str:
    opens = to_ms(T0 + number * HOUR)
    values = (
        opens, price, price, price, price, "7", opens + Timeframe.H1.length_ms - 1, quote,
        trades, "3", "20",
    )  # fmt: skip
    return "\t".join(map(str, values))


def store(engine: Engine, series: Series, *lines: str, rejected: int | None = None) -> None:
    rows = "".join(f"{series.symbol}\t{one}\n" for one in lines)
    span = Span(T0, T0 + 200 * HOUR)
    refused = [
        RejectedRow("another row", DUPLICATE_OPEN_TIME, T0 + number * HOUR)
        for number in ([] if rejected is None else [rejected])
    ]
    page = CheckedPage(series, span, Source.REST, CandleRows(rows), tuple(refused))
    store_pages(warehouse_of(engine), [page], NOW, timedelta(minutes=10))


def flags(engine: Engine) -> dict[tuple[str, int], list[str]]:
    sql = "SELECT symbol, open_time, flags FROM market.candles WHERE flags IS NOT NULL"
    with engine.connect() as connection:
        return {
            (row.symbol, (row.open_time - T0) // HOUR): row.flags
            for row in connection.execute(text(sql))
        }


def run(engine: Engine, span: Span = ALWAYS, now: datetime = NOW) -> FlagReport:
    return flag_candles(warehouse_of(engine), {BTC: span, ETH: span}, now)


def compress(engine: Engine) -> None:
    with engine.connect() as connection:
        timescale = has_timescale(connection)
    if timescale:
        convert_old_chunks(engine, T0 + timedelta(days=900))


def test_quote_volume_is_compared_as_exactly_as_it_was_rounded(engine: Engine) -> None:
    # Five trades: up to five times the last decimal.
    quotes = {0: "700", 1: "700.00000005", 2: "700.00000006", 3: "699.99999995", 4: "699.99999994"}
    store(engine, BTC, *(line(number, quote=quote) for number, quote in quotes.items()))
    assert flags(engine) == {}
    report = run(engine)
    assert flags(engine) == {("BTCUSDT", at): ["quote_out_of_range"] for at in (2, 4)}
    assert (report.changed, dict(report.flagged)) == (2, {"quote_out_of_range": 2})
    again = run(engine)
    assert (again.changed, again.flagged) == (0, report.flagged)


def test_a_jump_is_flagged_where_it_happened_in_a_compressed_chunk_too(engine: Engine) -> None:
    prices = ["100"] * CALM + ["150"] * CALM
    quotes = {"100": "700", "150": "1050"}
    store(engine, BTC, *(line(n, p, quotes[p]) for n, p in enumerate(prices)))
    store(engine, ETH, *(line(n) for n in range(2 * CALM)))
    compress(engine)
    assert run(engine).changed == 1
    assert flags(engine) == {("BTCUSDT", CALM): ["price_jump"]}
    compress(engine)
    assert run(engine).changed == 0


def test_the_answer_does_not_depend_on_the_range_that_is_asked_for(engine: Engine) -> None:
    store(engine, BTC, *(line(n, "150" if n == CALM else "100", "900") for n in range(CALM + 9)))
    at = T0 + CALM * HOUR
    assert run(engine, Span(at, at + HOUR)).changed == 1
    assert set(flags(engine)) == {("BTCUSDT", CALM)}
    assert flags(engine)["BTCUSDT", CALM] == ["price_jump", "quote_out_of_range"]
    assert run(engine, ALWAYS, at).changed == CALM, "nothing that opens at now or later"
    assert run(engine).changed == 8
    # Down again is a jump as well.
    assert flags(engine)["BTCUSDT", CALM + 1] == ["price_jump", "quote_out_of_range"]


def test_a_change_over_a_hole_is_no_jump(engine: Engine) -> None:
    calm = [line(n) for n in range(CALM)]
    store(engine, BTC, *calm, line(CALM + 1, "150", "1050"))
    store(engine, ETH, *calm[-JUMP_CLOSES + 1 :], line(CALM, "150", "1050"))
    assert run(engine).changed == 0
    store(engine, BTC, line(CALM))
    store(engine, ETH, calm[-JUMP_CLOSES])
    assert run(engine).changed == 2


def test_flags_that_do_not_hold_any_more_go(engine: Engine) -> None:
    store(engine, BTC, *(line(n, quote="800", trades=0) for n in range(3)), rejected=1)
    run(engine)
    disagree = ["quote_out_of_range", "trades_disagree"]
    assert flags(engine) == {
        ("BTCUSDT", 0): disagree,
        ("BTCUSDT", 1): ["duplicate_open_time", *disagree],
        ("BTCUSDT", 2): disagree,
    }
    with engine.begin() as connection:
        # As a warehouse has them that was filled before there were these flags.
        connection.execute(text("UPDATE market.candles_1h SET flags = NULL"))
        connection.execute(text("UPDATE market.candles_1h SET quote_volume = 700, trades = 5"))
        connection.execute(
            text("UPDATE market.candles_1h SET flags = '{off_grid}' WHERE open_time = :at"),
            {"at": T0},
        )
    assert run(engine).changed == 2
    assert flags(engine) == {("BTCUSDT", 1): ["duplicate_open_time"]}


def test_what_only_some_columns_are_known_of_is_looked_at_by_those(engine: Engine) -> None:
    unknown = line(0).split("\t")[:7] + [r"\N"] * 4
    store(engine, BTC, "\t".join(unknown))
    assert run(engine).changed == 0
    assert flags(engine) == {}
