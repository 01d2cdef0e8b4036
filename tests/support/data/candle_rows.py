"""Stores candles that a test makes up, as the collector does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Engine

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import to_ms
from candlehouse.storage.candles.page_writer import lock_series, write_candles


def store_closes(
    engine: Engine, series: Series, closes: Iterable[tuple[datetime, str, str]]
) -> None:
    """Stores one candle per (open time, close, volume), in order of time.

    The open is the close, the low half of it and the high twice as much.
    """
    listed = list(closes)
    rows = ""
    for opens, close, volume in listed:
        price = float(close)
        ends = to_ms(opens) + series.timeframe.length_ms - 1
        rows += (
            f"{series.symbol}\t{to_ms(opens)}\t{close}\t{2 * price!r}\t{price / 2!r}\t{close}"
            f"\t{volume}\t{ends}\t70\t5\t{volume}\t7\n"
        )
    first, last = series.timeframe.floor(listed[0][0]), series.timeframe.floor(listed[-1][0])
    span = Span(first, last + series.timeframe.length)
    page = CheckedPage(series, span, Source.REST, CandleRows(rows))
    with engine.begin() as connection:
        lock_series(connection, [series])
        write_candles(connection, [page])
