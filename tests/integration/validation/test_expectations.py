"""Every expectation passes on good data and fails for a row that must not be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from candlehouse.core.model import Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validating.validation_windows import Outcome, Reach, ValidationScope
from candlehouse.pipelines.validating.flagging import FlagReport
from candlehouse.pipelines.validating.validate import ValidationReport, validate
from candlehouse.settings import load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.warehouse import Warehouse
from support.data.stored_market import set_clock, store_market

T0 = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SPAN = Span(T0, T0 + 2 * DAY)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
TIMEFRAMES = (Timeframe.M5, Timeframe.M15, Timeframe.H1)
UNIVERSE = """
INSERT INTO market.instruments (
    symbol, base_asset, quote_asset, status, tick_size, lot_size, min_notional, refreshed_at)
SELECT a || 'USDT', a, 'USDT', 'TRADING', 0.01, 0.001, 5, '2024-03-02'
FROM unnest(ARRAY['BTC', 'ETH', 'BNB']) AS a;
INSERT INTO market.universe (as_of, rank, symbol, base_asset, market_cap_usd, source)
VALUES ('2024-03-02', 1, 'BTCUSDT', 'BTC', 10, 'coingecko'),
    ('2024-03-02', 2, 'ETHUSDT', 'ETH', 5, 'coingecko');
"""
# What keeps such rows out is taken away first.
UNLOCK = """
ALTER TABLE market.candles_1h DROP CONSTRAINT candles_1h_prices_ordered;
ALTER TABLE market.candles_1h DROP CONSTRAINT candles_1h_source_known;
ALTER TABLE market.candles_1h DROP CONSTRAINT candles_1h_pkey;
ALTER TABLE market.candles_1h ALTER symbol DROP NOT NULL, ALTER close_time DROP NOT NULL,
    ALTER open DROP NOT NULL, ALTER high DROP NOT NULL, ALTER low DROP NOT NULL,
    ALTER close DROP NOT NULL, ALTER volume DROP NOT NULL, ALTER source DROP NOT NULL;
ALTER TABLE market.gaps DROP CONSTRAINT gaps_verdict_known;
ALTER TABLE market.gaps DROP CONSTRAINT gaps_pkey;
ALTER TABLE market.universe DROP CONSTRAINT universe_rank_positive;
ALTER TABLE market.universe DROP CONSTRAINT universe_pkey;
ALTER TABLE market.universe ALTER as_of DROP NOT NULL, ALTER rank DROP NOT NULL,
    ALTER symbol DROP NOT NULL, ALTER base_asset DROP NOT NULL;
ALTER TABLE market.instruments DROP CONSTRAINT instruments_pkey;
ALTER TABLE market.instruments ALTER symbol DROP NOT NULL, ALTER base_asset DROP NOT NULL,
    ALTER quote_asset DROP NOT NULL, ALTER status DROP NOT NULL;
"""
HOUR = (
    "UPDATE market.candles_1h SET {} WHERE symbol = 'BTCUSDT' AND open_time = '2024-03-01 {}:00+00'"
)
COPY = (
    "INSERT INTO market.candles_1h (symbol, open_time, close_time, open, high, low, close, volume,"
    " source, flags) SELECT {}, {}, close_time, open, high, low, close, volume, source, {}"
    " FROM market.candles_1h WHERE symbol = 'ETHUSDT' AND open_time = '2024-03-01 12:00+00'"
)
GAP = (
    "INSERT INTO market.gaps (symbol, timeframe, gap_start, gap_end, candles_missing, verdict,"
    " checked_at) VALUES ('BNBUSDT', '1h', '{}+00', '{}+00', {}, '{}', '2024-03-02')"
)
MEMBER = "INSERT INTO market.universe VALUES ({}, {}, {}, {}, {}, 'coingecko')"
PAIR = "INSERT INTO market.instruments VALUES ({}, {}, {}, {}, {}, {}, {}, NULL, {}, '2024-03-02')"
NUMBERS = (
    "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume",
    "taker_buy_quote_volume",
)  # fmt: skip
PRESENT = ("close_time", "open", "high", "low", "close", "volume", "source")
# What must be, by its suite, and how it is broken.
CANDLES = {
    "symbol is never missing": COPY.format("NULL", "'2024-03-01 12:00+00'", "NULL"),
    **{
        f"{name} is never missing": HOUR.format(f"{name} = NULL", f"{hour:02}")
        for hour, name in enumerate(PRESENT)
    },
    **{
        f"{name} is never negative": HOUR.format(f"{name} = -1", f"{hour:02}")
        for hour, name in enumerate(NUMBERS, len(PRESENT))
    },
    "source is known": HOUR.format("source = 'hearsay'", 16),
    "prices are in order": HOUR.format("low = high + 1", 17),
    "takers buy no more than is traded": HOUR.format("taker_buy_volume = volume + 1e-20", 18),
    "no two candles of a symbol open at one time": COPY.format("symbol", "open_time", "NULL"),
    "odd candles are flagged, and no others": HOUR.format("flags = '{{off_grid}}'", 19),
    "all have closed by the exchange's clock": COPY.format(
        "symbol", "timestamptz '2024-03-02 23:30+00'", "'{{off_grid}}'::text[]"
    ),
}
OTHERS = {
    ("coverage", "as many slots are held a day as coverage_days says"): (
        "UPDATE market.coverage_days SET present_slots = 23"
        " WHERE symbol = 'BTCUSDT' AND timeframe = '1h' AND day = '2024-03-01'"
    ),
    ("live", "what a stream brought was compared with REST"): HOUR.format("source = 'stream'", 20),
    ("corrections", "what a stream brought was right"): (
        "INSERT INTO market.corrections (symbol, timeframe, open_time, source_before, source_after,"
        " before, after, applied) VALUES ('BTCUSDT', '1h', '2024-03-01', 'stream', 'rest',"
        """ '{{"close": "1.10"}}', '{{"close": "1.100000001"}}', true)"""
    ),
    ("sums", "each has the prices of its 5m candles"): HOUR.format("close = close + 1e-20", 21),
    ("sums", "each has the amounts of its 5m candles"): HOUR.format(
        "quote_volume = quote_volume + 1e-20", 22
    ),
    ("columns", "columns have their types"): ("ALTER TABLE market.candles_1h ADD more integer"),
    ("columns", "all columns are there"): "ALTER TABLE market.candles_1h ADD other integer",
    ("freshness", "the newest candle that can be expected is there"): (
        "INSERT INTO market.series (symbol, timeframe, wanted_from)"
        " VALUES ('BNBUSDT', '1h', '2024-03-01');"
        # What loads is not late.
        " DELETE FROM market.loads"
    ),
    ("gaps", "verdict is known"): GAP.format("2024-03-01 03:00", "2024-03-01 04:00", 1, "lost"),
    ("gaps", "candles_missing is positive"): GAP.format(
        "2024-03-01 05:00", "2024-03-01 06:00", 0, "no_data"
    ),
    ("gaps", "gaps lie on the grid and count their slots"): GAP.format(
        "2024-03-01 07:00", "2024-03-01 09:00", 3, "no_data"
    ),
    ("gaps", "no two gaps of a series overlap"): GAP.format(
        "2024-03-01 08:00", "2024-03-01 10:00", 2, "no_data"
    ),
    ("gaps", "no candle is held inside a gap"): GAP.format(
        "2024-03-01 11:00", "2024-03-01 12:00", 1, "no_data"
    ).replace("BNB", "BTC"),
    ("gaps", "nothing is missing that has not closed"): GAP.format(
        "2024-03-03 00:00", "2024-03-03 01:00", 1, "no_data"
    ),
    ("universe", "rank is never missing"): MEMBER.format("'2024-03-02'", "NULL", "'1'", "'1'", 1),
    ("universe", "symbol is never missing"): MEMBER.format("'2024-03-02'", 3, "NULL", "'1'", 1),
    ("universe", "base_asset is never missing"): MEMBER.format("'2024-03-02'", 4, "'1'", "NULL", 1),
    ("universe", "rank is positive"): MEMBER.format("'2024-03-02'", 0, "'1'", "'1'", 1),
    ("universe", "market_cap_usd is never negative"): MEMBER.format(
        "'2024-03-02'", 5, "'1'", "'1'", -1
    ),
    ("universe", "no two members of a snapshot have one rank"): MEMBER.format(
        "'2024-03-02'", 1, "'1'", "'1'", 1
    ),
    ("universe", "every member is a pair of the exchange"): MEMBER.format(
        "'2024-03-02'", 6, "'GONEUSDT'", "'GONE'", 1
    ),
    ("universe", "no snapshot is ahead of the exchange's clock"): MEMBER.format(
        "'2024-03-04'", 1, "'BTCUSDT'", "'BTC'", 1
    ),
    ("instruments", "symbol is never missing"): PAIR.format(
        "NULL", "'A'", "'A'", "'TRADING'", 1, 1, 1, "NULL"
    ),
    ("instruments", "base_asset is never missing"): PAIR.format(
        "'A'", "NULL", "'A'", "'TRADING'", 1, 1, 1, "NULL"
    ),
    ("instruments", "quote_asset is never missing"): PAIR.format(
        "'B'", "'A'", "NULL", "'TRADING'", 1, 1, 1, "NULL"
    ),
    ("instruments", "status is never missing"): PAIR.format(
        "'C'", "'A'", "'A'", "NULL", 1, 1, 1, "NULL"
    ),
    ("instruments", "symbols are unique"): PAIR.format(
        "'BTCUSDT'", "'BTC'", "'USDT'", "'TRADING'", 1, 1, 1, "NULL"
    ),
    ("instruments", "tick_size is positive"): PAIR.format(
        "'D'", "'A'", "'A'", "'TRADING'", 0, 1, 1, "NULL"
    ),
    ("instruments", "lot_size is positive"): PAIR.format(
        "'E'", "'A'", "'A'", "'TRADING'", 1, 0, 1, "NULL"
    ),
    ("instruments", "min_notional is never negative"): PAIR.format(
        "'F'", "'A'", "'A'", "'TRADING'", 1, 1, -1, "NULL"
    ),
    ("instruments", "left_at is set exactly while a pair does not trade"): PAIR.format(
        "'G'", "'A'", "'A'", "'BREAK'", 1, 1, 1, "NULL"
    ),
}
PLANTED = {("candles", name): sql for name, sql in CANDLES.items()} | OTHERS


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    set_clock(engine, SPAN.end)
    store_market(engine, SYMBOLS, TIMEFRAMES, SPAN)
    run(engine, UNIVERSE)
    yield engine
    engine.dispose()


def run(engine: Engine, script: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(script.replace("{{", "{").replace("}}", "}"))


def look(engine: Engine, folder: Path, *timeframes: Timeframe, **scope: object) -> ValidationReport:
    settings = load_settings({"CANDLEHOUSE_HOME": str(folder), "TIMEFRAMES": "5m,1h"})
    reach = ValidationScope(Reach.EVERYTHING, timeframes=timeframes, **scope)  # type: ignore[arg-type]
    return validate(Warehouse(settings, engine), reach)


def failed(report: ValidationReport) -> dict[tuple[str, str], Outcome]:
    return {(one.suite, one.expectation): one for one in report.outcomes if not one.success}


def test_good_data_passes_and_every_expectation_was_asked(engine: Engine, tmp_path: Path) -> None:
    report = look(engine, tmp_path)
    assert [str(one) for one in report.outcomes if not one.success] == []
    assert report.success
    # 5m, 15m and 1h of two symbols for two days.
    assert report.candles == 2 * 2 * (288 + 96 + 24)
    asked = {
        (one.suite, one.expectation) for one in report.outcomes if one.timeframe != Timeframe.M5
    }
    untold = {("universe", "as_of is never missing")}
    assert {pair for pair in asked if "15m" not in pair[1]} - untold == set(PLANTED)


def test_every_expectation_fails_for_a_row_that_must_not_be(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Flags are put right before they are asked for.
    monkeypatch.setattr(
        "candlehouse.pipelines.validating.validate.flag_candles", lambda *_: FlagReport(changed=1)
    )
    run(engine, UNLOCK)
    for sql in PLANTED.values():
        run(engine, sql)
    report = look(engine, tmp_path, Timeframe.H1)
    found = failed(report)
    assert {key: one.exception for key, one in found.items() if one.exception} == {}
    assert set(found) == set(PLANTED)
    assert all(one.unexpected >= 1 and one.samples for one in found.values())
    assert not report.success
    # The numbers of the rows are kept to the last digit.
    assert found["candles", "volume is never negative"].samples == (
        {"symbol": "BTCUSDT", "open_time": "2024-03-01 11:00:00+00:00", "volume": "-1"},
    )
    (correction,) = found["corrections", "what a stream brought was right"].samples
    assert correction["after"] == '{"close": "1.100000001"}'
    warnings = {key for key, one in found.items() if not one.fails_run}
    assert warnings == {
        ("corrections", "what a stream brought was right"),
        ("sums", "each has the amounts of its 5m candles"),
    }
