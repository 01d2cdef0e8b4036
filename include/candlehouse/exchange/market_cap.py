"""Market capitalisations from CoinGecko, which cost no request weight of the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec

from candlehouse.core.universe.ranking import Coin
from candlehouse.exchange.json_requests import JsonRequests

_PAGES = 2
# CoinGecko's maximum; two pages reach far below the smallest member of the universe.
_PER_PAGE = 250
_STALE_AFTER = timedelta(days=1)


class _Coin(msgspec.Struct):
    symbol: str
    current_price: Decimal | None = None
    market_cap: Decimal | None = None
    last_updated: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    def is_stale(self, now: datetime) -> bool:
        return self.last_updated is not None and self.last_updated < now - _STALE_AFTER


class CoinSource(JsonRequests):
    """A client of CoinGecko; an asynchronous context manager.

    Args:
        url: base URL without path.
        api_key: of a demo account, or empty.
        sleep: waits for the given number of seconds.
    """

    def __init__(
        self,
        url: str,
        api_key: str = "",
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(sleep=sleep)
        self._url = url
        self._headers = {"x-cg-demo-api-key": api_key} if api_key else {}

    async def fetch_coins(self, now: datetime) -> list[Coin]:
        """The largest coins, in order of market capitalisation, without coins of unknown size.

        A page with few rows does not prove that it is the last, so the next page is still
        requested.

        Args:
            now: coins that CoinGecko last updated more than a day before are left out.

        Raises:
            ExchangeUnavailable, MalformedPayload: after the last attempt.
            RateLimited, RequestRejected: at once.
        """
        coins: list[Coin] = []
        for page in range(1, _PAGES + 1):
            query = f"vs_currency=usd&order=market_cap_desc&per_page={_PER_PAGE}&page={page}"
            url = f"{self._url}/api/v3/coins/markets?{query}"
            rows = await self.fetch(url, list[_Coin], self._headers)
            coins += [
                Coin(row.symbol.upper(), row.current_price, row.market_cap)
                for row in rows
                if row.current_price and row.market_cap and not row.is_stale(now)
            ]
            if not rows:
                break
        return coins
