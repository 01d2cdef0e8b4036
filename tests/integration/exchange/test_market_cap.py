from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from candlehouse.core.errors import (
    ExchangeError,
    ExchangeUnavailable,
    MalformedPayload,
    RateLimited,
    RequestRejected,
)
from candlehouse.core.universe.ranking import Coin, Product
from candlehouse.exchange.binance.http.products import ProductSource
from candlehouse.exchange.market_cap import CoinSource
from support.exchanges.scripted_exchange import Reply, ScriptedExchange, scripted

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)


@dataclass
class Sources:
    """Both sources of market capitalisations."""

    coins: CoinSource
    products: ProductSource


def attempt(
    *replies: Reply, use: Callable[[Sources, ScriptedExchange], Awaitable[None]]
) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> None:
        async with (
            scripted(*replies) as server,
            CoinSource(server.url, "secret", sleep=sleep) as coins,
            ProductSource(server.url, sleep=sleep) as products,
        ):
            await use(Sources(coins, products), server)

    asyncio.run(run())
    return slept


def test_coins_are_exact_and_two_pages_at_most() -> None:
    rows = ",".join(['{"symbol":"x","current_price":1e-8,"market_cap":12345678901234567}'] * 250)
    unknown = '[{"symbol":"y","current_price":null,"market_cap":null,"more":{}}]'

    async def use(source: Sources, server: ScriptedExchange) -> None:
        coins = await source.coins.fetch_coins(NOW)
        assert len(coins) == 250
        assert coins[0] == Coin("X", Decimal("0.00000001"), Decimal(12345678901234567))
        assert [request.rpartition("page=")[2] for request in server.requests] == ["1", "2"]

    attempt(Reply(f"[{rows}]"), Reply(unknown), use=use)


def test_short_page_need_not_be_the_last() -> None:
    async def use(source: Sources, server: ScriptedExchange) -> None:
        assert [coin.asset for coin in await source.coins.fetch_coins(NOW)] == ["A", "B"]
        assert len(server.requests) == 2

    pages = [[{"symbol": name, "current_price": 1, "market_cap": 2}] for name in "ab"]
    attempt(*[Reply(page) for page in pages], use=use)


def test_coin_that_nobody_looked_at_for_a_day_is_left_out() -> None:
    async def use(source: Sources, server: ScriptedExchange) -> None:
        assert [coin.asset for coin in await source.coins.fetch_coins(NOW)] == ["NEW", "UNTOLD"]

    moments = {"new": "2026-11-27T10:00:00.000Z", "old": "2026-11-27T08:59:59Z", "untold": None}
    rows = [
        {"symbol": name, "current_price": 1, "market_cap": 2, "last_updated": moment}
        for name, moment in moments.items()
    ]
    attempt(Reply(rows), Reply([]), use=use)


def test_empty_page_is_the_last() -> None:
    async def use(source: Sources, server: ScriptedExchange) -> None:
        assert await source.coins.fetch_coins(NOW) == []
        assert len(server.requests) == 1

    attempt(Reply("[]"), use=use)


def test_products_may_lack_supply_and_tags() -> None:
    rows = [{"s": "BTCUSDT", "c": "68000.10", "cs": 19700000, "tags": ["pow"], "q": "USDT"}]
    body = {"code": "000000", "data": [*rows, {"s": "ODDUSDT", "c": "1", "cs": None}]}

    async def use(source: Sources, server: ScriptedExchange) -> None:
        assert await source.products.fetch_products() == {
            "BTCUSDT": Product("BTCUSDT", Decimal("68000.10"), Decimal(19700000), ("pow",)),
            "ODDUSDT": Product("ODDUSDT", Decimal(1), None, ()),
        }

    attempt(Reply(body), use=use)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply("slow down", 429), RateLimited),
        (Reply("<html>", 403), RequestRejected),
        (Reply("down", 503), ExchangeUnavailable),
        (Reply("<html>"), MalformedPayload),
        (Reply("[{}]"), MalformedPayload),
        (Reply("[", cut=True), ExchangeUnavailable),
    ],
)
def test_failure_has_its_name_and_no_key(reply: Reply, expected: type[ExchangeError]) -> None:
    async def use(source: Sources, server: ScriptedExchange) -> None:
        with pytest.raises(expected, match="coins/markets") as failed:
            await source.coins.fetch_coins(NOW)
        assert "secret" not in str(failed.value)
        assert len(server.requests) == (3 if expected in passing else 1)

    passing = (ExchangeUnavailable, MalformedPayload)
    slept = attempt(*[reply] * 3, use=use)

    assert slept == ([1.0, 2.0] if expected in passing else [])
