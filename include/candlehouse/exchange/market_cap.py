"""Sources of market capitalisation: CoinGecko, and the exchange's own product list.

Neither counts against the exchange's request weight. Numbers are decoded as decimals
straight from the text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Annotated, Self, TypeVar

import aiohttp
import msgspec

from candlehouse.core.errors import ExchangeUnavailable, MalformedPayload
from candlehouse.core.universe.ranking import Coin, Product
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.binance.http.failures import Answer, classify_failure
from candlehouse.exchange.network import choose_proxy
from candlehouse.exchange.sessions import open_session

_T = TypeVar("_T")
_PAGES = 2
# The most that CoinGecko gives; two pages reach far below the smallest member.
_PER_PAGE = 250
_ATTEMPTS = 3
_TIMEOUT_S = 20.0
_RETRY_DELAY_S = 1.0
_STALE_AFTER = timedelta(days=1)
# No wait is longer that a source asks for: there is another one.
_LONGEST_S = 60.0


class _Coin(msgspec.Struct):
    symbol: str
    current_price: Decimal | None = None
    market_cap: Decimal | None = None
    last_updated: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    def is_stale(self, now: datetime) -> bool:
        return self.last_updated is not None and self.last_updated < now - _STALE_AFTER


class _Product(msgspec.Struct):
    s: str
    c: Decimal
    cs: Decimal | None = None
    tags: list[str] | None = None


class _Products(msgspec.Struct):
    data: list[_Product]


class MarketCapSource:
    """Asks for market capitalisations; an asynchronous context manager.

    Every method raises:
        ExchangeUnavailable, MalformedPayload: after the last attempt.
        RateLimited, RequestRejected: at once.
    """

    def __init__(
        self,
        coingecko_url: str,
        products_url: str,
        coingecko_api_key: str = "",
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._coingecko_url = coingecko_url
        self._products_url = products_url
        self._headers = {"x-cg-demo-api-key": coingecko_api_key} if coingecko_api_key else {}
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(total_s=_TIMEOUT_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def fetch_coins(self, now: datetime) -> list[Coin]:
        """The largest coins by CoinGecko's count, without those of unknown size.

        How many rows a page has proves nothing: the next one is asked for all the same.

        Args:
            now: coins that CoinGecko has not looked at for a day before it are left out.
        """
        coins: list[Coin] = []
        for page in range(1, _PAGES + 1):
            query = f"vs_currency=usd&order=market_cap_desc&per_page={_PER_PAGE}&page={page}"
            url = f"{self._coingecko_url}/api/v3/coins/markets?{query}"
            rows = await self._fetch(url, list[_Coin], self._headers)
            coins += [
                Coin(row.symbol.upper(), row.current_price, row.market_cap)
                for row in rows
                if row.current_price and row.market_cap and not row.is_stale(now)
            ]
            if not rows:
                break
        return coins

    async def fetch_products(self) -> Mapping[str, Product]:
        """The exchange's product list by symbol."""
        path = "bapi/asset/v2/public/asset-service/product/get-products?includeEtf=true"
        listed = await self._fetch(f"{self._products_url}/{path}", _Products, {})
        return {row.s: Product(row.s, row.c, row.cs, tuple(row.tags or ())) for row in listed.data}

    async def _fetch(self, url: str, kind: type[_T], headers: Mapping[str, str]) -> _T:
        for attempt in range(1, _ATTEMPTS):
            try:
                return await self._attempt(url, kind, headers)
            except (ExchangeUnavailable, MalformedPayload) as error:
                asked_s = error.wait_s if isinstance(error, ExchangeUnavailable) else None
                await self._sleep(min(max(_RETRY_DELAY_S * attempt, asked_s or 0), _LONGEST_S))
        return await self._attempt(url, kind, headers)

    async def _attempt(self, url: str, kind: type[_T], headers: Mapping[str, str]) -> _T:
        if self._session is None:
            raise RuntimeError("MarketCapSource is used outside of its async with block")
        where = hide_user_info(url)
        try:
            proxy = choose_proxy(url)
            async with self._session.get(url, headers=headers, proxy=proxy) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = hide_user_info(f"{where}: {type(error).__name__}: {error}")
            raise ExchangeUnavailable(reason) from error
        if response.status != 200:
            answer = Answer()
            answer.fill(response.status, response.headers, body.decode(errors="replace"))
            raise classify_failure(answer, None, where)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise MalformedPayload(f"{where}: {error}") from None
