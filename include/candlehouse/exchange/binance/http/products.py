"""Binance's product list: prices, supplies and tags; costs no request weight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

import msgspec

from candlehouse.core.universe.ranking import Product
from candlehouse.exchange.binance.http.refusals import CODES
from candlehouse.exchange.json_requests import JsonRequests

_PATH = "bapi/asset/v2/public/asset-service/product/get-products?includeEtf=true"


class _Product(msgspec.Struct):
    s: str
    c: Decimal
    cs: Decimal | None = None
    tags: list[str] | None = None


class _Products(msgspec.Struct):
    data: list[_Product]


class ProductSource(JsonRequests):
    """A client of the product list; an asynchronous context manager.

    Args:
        url: base URL without path.
        sleep: waits for the given number of seconds.
    """

    def __init__(
        self, url: str, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        super().__init__(CODES, sleep)
        self._url = url

    async def fetch_products(self) -> Mapping[str, Product]:
        """The product list by symbol.

        Raises:
            ExchangeUnavailable, MalformedPayload: after the last attempt.
            RateLimited, RequestRejected: at once.
        """
        listed = await self.fetch(f"{self._url}/{_PATH}", _Products)
        return {row.s: Product(row.s, row.c, row.cs, tuple(row.tags or ())) for row in listed.data}
