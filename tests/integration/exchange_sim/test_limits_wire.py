"""Weight, refusals and bans as a client sees them."""

import time
from typing import Any

import pytest

from exchange_sim.testing import running


@pytest.mark.parametrize("window", ["minute", "rolling"])
def test_weight_is_counted_a_client_address(get_from: Any, window: str) -> None:
    with running(seed=1, weight_limit=50, limit_window=window) as exchange:
        if window == "minute":
            # Begin early in a minute, so that the count does not start anew in the middle.
            left = 60 - time.time() % 60
            if left < 5:
                time.sleep(left + 0.1)
        used = [
            int(get_from(exchange.url, path).headers["x-mbx-used-weight-1m"])
            for path in ("/api/v3/ping", "/api/v3/exchangeInfo", "/api/v3/exchangeInfo")
        ]
        assert used == [1, 21, 41]
        refused = get_from(exchange.url, "/api/v3/exchangeInfo")
        assert (refused.status, refused.json["code"]) == (429, -1003)
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["x-mbx-used-weight"] == "41"
        assert get_from(exchange.url, "/api/v3/ping").status == 200
        other = get_from(exchange.url, "/api/v3/ping", source="127.0.0.2")
        assert other.headers["x-mbx-used-weight"] == "1"
        stats = exchange.stats()
        assert stats["refused_429"] == 1
        assert stats["weight"]["total"] == sum(stats["weight"]["seconds"]) == 43
        assert sum(minute["weight"] for minute in stats["weight"]["minutes"]) == 43


def test_hammering_is_banned_and_the_ban_ends_on_real_time(get_from: Any) -> None:
    # The market's clock stands still: limits do not care.
    with running(
        seed=1, weight_limit=5, limit_window="rolling", ban_after=3, ban_seconds=3, frozen=True
    ) as exchange:

        def ping() -> Any:
            return get_from(exchange.url, "/api/v3/ping")

        statuses = [ping().status for _ in range(8)]
        assert statuses == [200] * 5 + [429] * 3
        time.sleep(1.1)
        banned = [ping() for _ in range(4)][-1]
        assert (banned.status, banned.json["code"]) == (418, -1003)
        assert "IP banned until" in banned.json["msg"]
        assert 1 <= int(banned.headers["retry-after"]) <= 3
        time.sleep(3.1)
        assert ping().status == 429
        exchange.set_limits(weight_limit=1000, reset=True)
        assert ping().status == 200
        assert exchange.stats()["banned_418"] >= 2


def test_archives_and_market_caps_cost_nothing(exchange: Any, get: Any) -> None:
    before = exchange.stats()["weight"]["total"]
    get("/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-01-01.zip.CHECKSUM")
    get("/coingecko/api/v3/coins/markets", vs_currency="usd")
    assert exchange.stats()["weight"]["total"] == before
