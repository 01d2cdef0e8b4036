"""The part of a session that speaks REST: healing, and polling while no websocket works."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection

from sqlalchemy.exc import DBAPIError

from candlehouse.core.errors import CandlehouseError
from candlehouse.core.live.price_updates import PriceUpdate, price_channel
from candlehouse.core.model import Series
from candlehouse.core.ports import MarketData
from candlehouse.core.timeframe import to_ms
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.live.delays import GrowingDelays
from candlehouse.pipelines.live.healing.healer import Healer
from candlehouse.pipelines.live.healing.polling import (
    LONGEST_ROUND_S,
    choose_round,
    poll_round,
    round_length_s,
)
from candlehouse.pipelines.live.writing.buffer import Batcher
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Seconds: between tries after a failure, at the least and at the most; between two
# comparisons of the clocks; between two looks at whether to poll; between two readings
# of all prices while polling, for they weigh as much as 40 candles.
_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_CLOCKS_S = 300.0
_LOOK_S = 0.5
# How often a comparison asks, to have one answer that was quick.
_READINGS = 5
_PRICES_S = 30.0


class RestSide:
    """Runs beside the stream, for one event loop.

    Args:
        warehouse: to read from and to write to.
        healer: whose questions are asked.
        batcher: that takes what is polled.
        polled: the series to poll now; empty while the stream works.
        on_offset: called with the milliseconds by which the exchange's clock is ahead.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        healer: Healer,
        batcher: Batcher,
        polled: Callable[[], Collection[Series]],
        on_offset: Callable[[int], None],
    ) -> None:
        self._settings = warehouse.settings
        self._warehouse = warehouse
        self._healer = healer
        self._batcher = batcher
        self._polled = polled
        self._on_offset = on_offset
        self._pause_s = _SHORTEST_PAUSE_S
        self._delays = GrowingDelays[Series]()
        self._resting: dict[Series, float] = {}

    async def run(self) -> None:
        """Until cancelled; the exchange's and the database's failures are waited out.

        A database that refuses something, and not only its connection, is one of them:
        the stream is written all the same.
        """
        while True:
            try:
                async with open_source(self._warehouse) as source:
                    await self._serve(source)
            except* (CandlehouseError, DBAPIError) as group:
                _log.warning("REST pauses for %.0f s: %s", self._pause_s, _first(group))
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    async def _serve(self, source: MarketData) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._healer.run(source))
            group.create_task(self._poll(source))
            group.create_task(self._compare_clocks(source))

    async def _compare_clocks(self, source: MarketData) -> None:
        while True:
            readings = [await source.fetch_clock() for _ in range(_READINGS)]
            self._on_offset(round(min(readings).offset_ms))
            self._pause_s = _SHORTEST_PAUSE_S
            await asyncio.sleep(_CLOCKS_S)

    async def _poll(self, source: MarketData) -> None:
        number = 0
        prices_at = float("-inf")
        while True:
            series = self._polled()
            if not series:
                await asyncio.sleep(_LOOK_S)
                continue
            began = time.monotonic()
            chosen = choose_round(self._leave_out_resting(series), number)
            self._let_rest(chosen, await poll_round(source, self._batcher, chosen))
            if began >= prices_at:
                await self._poll_prices(source, {one.symbol for one in series})
                prices_at = began + _PRICES_S
            number += 1
            spent_s = time.monotonic() - began
            await asyncio.sleep(max(0.0, round_length_s(len(chosen), VENUE.rest) - spent_s))

    def _leave_out_resting(self, series: Collection[Series]) -> list[Series]:
        now = time.monotonic()
        return [one for one in series if self._resting.get(one, now) <= now]

    def _let_rest(self, asked: Collection[Series], failed: Collection[Series]) -> None:
        """One that the exchange does not know is asked for ever more rarely."""
        for one in failed:
            delay_s = self._delays.failed(one, LONGEST_ROUND_S)
            self._resting[one] = time.monotonic() + delay_s
        for one in set(asked).difference(failed):
            self._delays.forget(one)
            self._resting.pop(one, None)

    async def _poll_prices(self, source: MarketData, symbols: Collection[str]) -> None:
        tickers = await source.fetch_ticker_24h()
        now_ms = to_ms(await source.fetch_time())
        for symbol in symbols:
            if ticker := tickers.get(symbol):
                numbers = (ticker.last_price, ticker.volume, ticker.quote_volume)
                texts = (format(number, "f") for number in numbers)
                self._batcher.take(PriceUpdate(price_channel(symbol), now_ms, *texts))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
