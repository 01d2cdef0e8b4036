"""Ends the wanted ranges of pairs that do not trade any more, where their candles end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from candlehouse.core.errors import ExchangeError, RateLimited
from candlehouse.core.judging.verdict_rules import has_ended
from candlehouse.core.model import Series
from candlehouse.core.ports import CandleSource
from candlehouse.pipelines.fetching.rest_fetching import CONCURRENT_REQUESTS
from candlehouse.pipelines.fetching.worker_pool import run_together
from candlehouse.settings import Settings
from candlehouse.storage.candles.page_writer import lock_series
from candlehouse.storage.completeness.series import end_series
from candlehouse.storage.universe.past_universe import select_departed

_log = logging.getLogger(__name__)


async def end_departed(
    settings: Settings, engine: Engine, source: CandleSource, symbols: Sequence[str]
) -> None:
    """Wants nothing after the last candle of pairs that have ended.

    Years without a market would count as pending otherwise, until somebody judges them.
    One of which the exchange does not answer is left to that.

    Args:
        settings: with TIMEFRAMES.
        engine: of the warehouse, whose instruments were just refreshed.
        source: of the candles.
        symbols: among which to look.
    """
    now = await source.fetch_time()
    series = await asyncio.to_thread(_select, settings, engine, symbols)
    todo = iter(series)

    async def ask_on() -> None:
        for one in todo:
            try:
                last = await source.fetch_last_open_time(one)
            except RateLimited:
                raise
            except ExchangeError as error:
                _log.warning("%s: its end is not known yet: %s", one, error)
                continue
            if last is not None and has_ended(last, one.timeframe, now, settings.close_grace):
                await asyncio.to_thread(_end, engine, one, last)

    await run_together(*(ask_on() for _ in range(CONCURRENT_REQUESTS)))


def _select(settings: Settings, engine: Engine, symbols: Sequence[str]) -> list[Series]:
    with engine.connect() as connection:
        return select_departed(connection, symbols, settings.timeframes)


def _end(engine: Engine, series: Series, last_open_time: datetime) -> None:
    timeframe = series.timeframe
    with engine.begin() as connection:
        lock_series(connection, [series])
        end_series(connection, series, timeframe.floor(last_open_time) + timeframe.length)
