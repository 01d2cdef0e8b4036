"""Reads after an answer of REST which slots are settled, and which are to be requested again."""

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
    """The time up to which each requested range needs no further request from the stream's side.

    A slot that closed within `grace` and is not stored may still come. An older one is a gap by
    now, which is requested again by its verdict's schedule.

    Args:
        warehouse: to read from.
        timeframe: of all the series.
        requested: half-open ranges that REST has just answered, on the slot grid.
        now: the exchange's time.
        grace: CLOSE_GRACE.
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
    """Open time of the first candle of each range that REST has not confirmed.

    The exchange's database may lag behind its stream, so REST may lack a streamed candle.
    Series without such a candle are left out.
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
