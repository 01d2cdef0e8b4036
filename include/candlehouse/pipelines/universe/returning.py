"""Dates the absence of pairs that trade again by their candles, and not by who noticed when."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.errors import ExchangeError, RateLimited
from candlehouse.core.model import Series, Span
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.fetching.paging import fetch_pages
from candlehouse.storage.universe.catalog import Return, date_return
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Refreshes are a day apart; one that came later leaves the end of trading unknown.
_LOOK_BACK = timedelta(days=3)
_PAGE = 1000


async def date_returns(
    warehouse: Warehouse, source: CandleSource, returns: Sequence[Return]
) -> None:
    """Asks when each pair really stopped and began to trade, and says so.

    What cannot be asked now stays unknown.
    """
    for one in returns:
        try:
            ended_at = await _find_end(source, one)
            resumed_at = await _find_first(source, one)
        except RateLimited:
            raise
        except ExchangeError as error:
            _log.warning("%s: when it was away cannot be asked: %s", one.symbol, error)
            continue
        await warehouse.write_in_thread(_save, one, ended_at, resumed_at)
        _log.warning(
            "%s trades again after %s days (its candles end at %s and begin again at %s): if it is"
            " another asset now, say so in market.instrument_lives", one.symbol,
            (one.returned_at - one.left_at).days, ended_at or "an unknown time",
            resumed_at or "an unknown time",
        )  # fmt: skip


async def _find_end(source: CandleSource, one: Return) -> datetime | None:
    """The end of its last candle before the refresh that saw it gone."""
    last: datetime | None = one.left_at - _LOOK_BACK
    for timeframe in (Timeframe.M5, Timeframe.M1):
        if last is None:
            return None
        until = one.left_at if timeframe is Timeframe.M5 else last + Timeframe.M5.length
        last = await _last_open(source, Series(one.symbol, timeframe), Span(last, until))
    return None if last is None else last + Timeframe.M1.length


async def _last_open(source: CandleSource, series: Series, span: Span) -> datetime | None:
    timeframe = series.timeframe
    slots = Span(timeframe.floor(span.start), timeframe.ceil(span.end))
    pages = fetch_pages(source, series, slots, _PAGE)
    opens = [moment async for page in pages for moment in page.rows.open_times()]
    return max(opens, default=None)


async def _find_first(source: CandleSource, one: Return) -> datetime | None:
    """The open time of its first candle after the refresh that saw it gone."""
    minutes = Series(one.symbol, Timeframe.M1)
    span = Span(Timeframe.M1.floor(one.left_at), Timeframe.M1.ceil(one.returned_at))
    page = await source.fetch_page(minutes, span, 1)
    return min(page.rows.open_times(), default=None)


def _save(
    connection: Connection, one: Return, ended_at: datetime | None, resumed_at: datetime | None
) -> None:
    date_return(connection, one, ended_at, resumed_at)
