"""Polls last prices by REST while no websocket works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import PriceUpdate
from candlehouse.core.ports import MarketData
from candlehouse.core.timeframe import to_ms
from candlehouse.pipelines.live.writing.buffer import Batcher

# Seconds between two requests for all prices, which weigh as much as 40 pages of candles, and
# between two checks whether to poll.
_PRICES_S = 30.0
_LOOK_S = 0.5


class PricePolling:
    """Polls prices while no stream delivers them, for one event loop.

    Args:
        batcher: takes what is read.
        find_polled: gives the channels to poll now; none while the stream works.
    """

    def __init__(self, batcher: Batcher, find_polled: Callable[[], Collection[Channel]]) -> None:
        self._batcher = batcher
        self._find_polled = find_polled

    async def run(self, source: MarketData) -> None:
        """Until cancelled.

        Raises:
            ExchangeError: when the exchange fails.
        """
        due_at = float("-inf")
        while True:
            channels = self._find_polled()
            if channels and time.monotonic() >= due_at:
                due_at = time.monotonic() + _PRICES_S
                await self._poll(source, channels)
            await asyncio.sleep(_LOOK_S)

    async def _poll(self, source: MarketData, channels: Collection[Channel]) -> None:
        tickers = await source.fetch_ticker_24h()
        now_ms = to_ms(await source.fetch_time())
        for channel in channels:
            if ticker := tickers.get(channel.symbol):
                numbers = (ticker.last_price, ticker.volume, ticker.quote_volume)
                texts = (format(number, "f") for number in numbers)
                self._batcher.take(PriceUpdate(channel, now_ms, *texts))
