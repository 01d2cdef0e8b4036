"""What the warehouse knows after REST has answered: what is settled, what is to be asked again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from candlehouse.core.gaps import subtract_spans
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.truth.confirmations import select_unconfirmed
from candlehouse.storage.warehouse import Warehouse


def find_complete_ends(
    warehouse: Warehouse,
    timeframe: Timeframe,
    requested: Mapping[Series, Span],
    now: datetime,
    grace: timedelta,
) -> dict[Series, datetime]:
    """Up to where each range that was just asked for needs no more asking.

    A slot that closed within `grace` and is not held may still come; an older one has
    become a gap, which has its own ways of being asked again.
    """
    with warehouse.read() as connection:
        held = select_held(
            connection, timeframe, {series.symbol: span for series, span in requested.items()}
        )
    settled = timeframe.floor(now - grace)
    ends = {}
    for series, span in requested.items():
        young = Span(max(span.start, min(settled, span.end)), span.end)
        missing = subtract_spans([young], held.get(series.symbol, []))
        ends[series] = missing[0].start if missing else span.end
    return ends


def find_unconfirmed(
    warehouse: Warehouse, timeframe: Timeframe, compared: Mapping[Series, Span]
) -> dict[Series, datetime]:
    """The first candle of each range that REST was asked for and has not confirmed.

    Its own database may lag behind its stream, and a candle that it does not have cannot
    be compared.
    """
    if not compared:
        return {}
    since = min(span.start for span in compared.values())
    symbols = [series.symbol for series in compared]
    with warehouse.read() as connection:
        found = select_unconfirmed(connection, timeframe, symbols, since)
    return {
        series: found[series.symbol].start
        for series, span in compared.items()
        if series.symbol in found and found[series.symbol].start < span.end
    }
