"""Candles of the stand-in's market, stored as the collector stores them and all wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.completeness.series import upsert_first_open_times, want_series
from exchange_sim.market.synthetic import SyntheticMarket

GRACE = timedelta(minutes=10)
_SET_CLOCK = """
INSERT INTO market.exchange_state (
    identity, rest_url, coingecko_url, products_url, exchange_time, clock_offset_ms,
    weight_limit, close_grace)
VALUES ('test', '', '', '', :now, 0, 6000, :grace)
ON CONFLICT (only_row) DO UPDATE SET exchange_time = EXCLUDED.exchange_time
"""


def set_clock(engine: Engine, now: datetime) -> None:
    """Sets the exchange's clock."""
    with engine.begin() as connection:
        connection.execute(text(_SET_CLOCK), {"now": now, "grace": GRACE})


def store_market(
    engine: Engine,
    symbols: Sequence[str],
    timeframes: Sequence[Timeframe],
    span: Span,
    source: Source = Source.REST,
) -> None:
    """Stores all candles of a range; the series is wanted from its start on, and not loading."""
    market = SyntheticMarket(7)
    for timeframe in timeframes:
        pages = []
        for symbol in symbols:
            low, high = to_ms(span.start), to_ms(span.end)
            candles = market.candles(symbol, timeframe.value, low, high)
            # The last column of the wire is not stored.
            rows = ("\t".join(map(str, (symbol, *one.row()[:-1]))) + "\n" for one in candles)
            series = Series(symbol, timeframe)
            pages.append(CheckedPage(series, span, source, CandleRows("".join(rows))))
        with engine.begin() as connection:
            lock_series(connection, (page.series for page in pages))
            write_candles(connection, pages)
            upsert_first_open_times(connection, {page.series: span.start for page in pages})
            want_series(connection, symbols, [timeframe], span.start)
            connection.execute(text("DELETE FROM market.loads"))
