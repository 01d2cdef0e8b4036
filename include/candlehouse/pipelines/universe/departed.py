"""Ends the wanted ranges of pairs that no longer trade, at their last candles."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from candlehouse.core.errors import ExchangeError, RateLimited
from candlehouse.core.judging.verdict_rules import has_ended
from candlehouse.core.model import Series
from candlehouse.core.ports import CandleSource
from candlehouse.core.task_groups import run_together
from candlehouse.pipelines.fetching.rest_fetching import CONCURRENT_REQUESTS
from candlehouse.storage.candles.page_writer import lock_series
from candlehouse.storage.completeness.series import end_series
from candlehouse.storage.universe.past_universe import select_departed
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


async def end_departed(warehouse: Warehouse, source: CandleSource, symbols: Sequence[str]) -> None:
    """Ends the wanted range of each pair that has stopped trading, after its last candle.

    Otherwise the years since then would count as pending until a collection judges them. A
    series that the exchange does not answer about is skipped, and logged.

    Args:
        warehouse: whose settings have TIMEFRAMES.
        source: the REST client.
        symbols: candidates; those that trade are left alone.

    Raises:
        RateLimited: when the exchange's gate is closed; series until then are stored.
    """
    now = await source.fetch_time()
    series = await warehouse.in_thread(_select, symbols)
    todo = iter(series)

    async def ask_on() -> None:
        for one in todo:
            try:
                last = await source.fetch_last_open_time(one)
            except RateLimited:
                raise
            except ExchangeError as error:
                _log.warning("the end of %s is not known yet: %s", one, error)
                continue
            if last is not None and has_ended(
                last, one.timeframe, now, warehouse.settings.close_grace
            ):
                await warehouse.in_thread(_end, one, last)

    await run_together(*(ask_on() for _ in range(CONCURRENT_REQUESTS)))


def _select(warehouse: Warehouse, symbols: Sequence[str]) -> list[Series]:
    with warehouse.read() as connection:
        return select_departed(connection, symbols, warehouse.settings.timeframes)


def _end(warehouse: Warehouse, series: Series, last_open_time: datetime) -> None:
    timeframe = series.timeframe
    with warehouse.write() as connection:
        lock_series(connection, [series])
        end_series(connection, series, timeframe.floor(last_open_time) + timeframe.length)
