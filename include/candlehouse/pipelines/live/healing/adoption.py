"""Finds, when a writer begins, the slot from which each series must be complete."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.model import Series
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.fetching.first_candles import fetch_and_store_first_candles
from candlehouse.settings import Settings
from candlehouse.storage.completeness.series import (
    SeriesRow,
    select_last_held,
    select_series,
    want_series,
    want_streamed,
)
from candlehouse.storage.truth.confirmations import select_unconfirmed
from candlehouse.storage.universe.catalog import select_members_ever
from candlehouse.storage.warehouse import Warehouse

# A writer that was killed may have left holes before the newest candle. This range is checked;
# it costs requests only where candles are missing.
LOOK_BACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Adopted:
    """Where healing begins with a series.

    Attributes:
        complete_from: first slot that must be stored, or else requested.
        unconfirmed_from: open time of the first streamed candle that is not confirmed yet; None
            when all are.
    """

    complete_from: datetime
    unconfirmed_from: datetime | None


async def adopt_series(
    warehouse: Warehouse,
    source: CandleSource,
    series: Collection[Series],
    now: datetime,
) -> dict[Series, Adopted]:
    """Makes series wanted from their first stream on, and finds where each must be complete.

    Series that the exchange does not know are left out.

    Args:
        warehouse: to read from and to write to.
        source: to ask for first candles.
        series: that are streamed.
        now: the exchange's time.
    """
    first = await fetch_and_store_first_candles(warehouse, source, series)
    known = [one for one in series if one not in first.failures]
    return await warehouse.in_thread(_adopt, known, now)


def _adopt(
    warehouse: Warehouse, series: Collection[Series], now: datetime
) -> dict[Series, Adopted]:
    by_timeframe: dict[Timeframe, list[str]] = defaultdict(list)
    for one in series:
        by_timeframe[one.timeframe].append(one.symbol)
    adopted: dict[Series, Adopted] = {}
    with warehouse.write() as connection:
        _want(connection, warehouse.settings, series, now)
        for timeframe, symbols in by_timeframe.items():
            rows = select_series(connection, [timeframe], symbols)
            unconfirmed = select_unconfirmed(connection, timeframe, symbols, now - LOOK_BACK)
            for one, row in rows.items():
                span = unconfirmed.get(one.symbol)
                adopted[one] = Adopted(
                    _find_start(connection, warehouse.settings, row, now),
                    span.start if span else None,
                )
    return adopted


def _want(
    connection: Connection, settings: Settings, series: Collection[Series], now: datetime
) -> None:
    members = set(select_members_ever(connection))
    symbols = sorted({one.symbol for one in series} & members)
    timeframes = {one.timeframe for one in series}
    collected = [timeframe for timeframe in settings.timeframes if timeframe in timeframes]
    streamed = [timeframe for timeframe in settings.streamed_only if timeframe in timeframes]
    want_series(connection, symbols, collected, settings.collection_start)
    want_streamed(connection, symbols, streamed, now)


def _find_start(
    connection: Connection, settings: Settings, row: SeriesRow, now: datetime
) -> datetime:
    """One day back, or further without newer stored candles, but not before it was wanted."""
    timeframe = row.series.timeframe
    start = timeframe.floor(now - max(LOOK_BACK, 2 * timeframe.length))
    last = select_last_held(connection, row.series)
    if last is not None:
        start = min(start, timeframe.floor(last) + timeframe.length)
    lower = row.wanted_from or settings.collection_start
    return max(start, timeframe.ceil(lower))
