"""Finds from candles when pairs that trade again had stopped and resumed trading.

A refresh notices either only at its own time, up to a day later.
"""

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

# Refreshes are a day apart; when one was later than this, the end of trading stays unknown.
_LOOK_BACK = timedelta(days=3)
_PAGE = 1000


async def date_returns(
    warehouse: Warehouse, source: CandleSource, returns: Sequence[Return]
) -> None:
    """Stores and logs when each pair stopped and resumed trading, to the minute.

    Times that cannot be found now stay unknown.

    Raises:
        RateLimited: when the exchange's gate is closed.
    """
    for one in returns:
        try:
            ended_at = await _find_end(source, one)
            resumed_at = await _find_first(source, one)
        except RateLimited:
            raise
        except ExchangeError as error:
            _log.warning("when %s did not trade is not known yet: %s", one.symbol, error)
            continue
        await warehouse.write_in_thread(_save, one, ended_at, resumed_at)
        _log.warning(
            "%s trades again after %s days (its candles end at %s and begin again at %s): if the"
            " ticker means another asset now, record that in market.instrument_lives", one.symbol,
            (one.returned_at - one.left_at).days, ended_at or "an unknown time",
            resumed_at or "an unknown time",
        )  # fmt: skip


async def _find_end(source: CandleSource, one: Return) -> datetime | None:
    """End of the last minute candle before the refresh that no longer found the pair."""
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
    """Open time of the first minute candle after the refresh that no longer found the pair."""
    minutes = Series(one.symbol, Timeframe.M1)
    span = Span(Timeframe.M1.floor(one.left_at), Timeframe.M1.ceil(one.returned_at))
    page = await source.fetch_page(minutes, span, 1)
    return min(page.rows.open_times(), default=None)


def _save(
    connection: Connection, one: Return, ended_at: datetime | None, resumed_at: datetime | None
) -> None:
    date_return(connection, one, ended_at, resumed_at)
