from __future__ import annotations

from decimal import Decimal

import pytest

from candlehouse.core.errors import MalformedPayload
from candlehouse.core.timeframe import from_ms
from candlehouse.core.universe.instruments import Instrument, Ticker
from candlehouse.exchange.binance.http.answers import parse_exchange_info, parse_tickers, parse_time

INFO = {
    "timezone": "UTC",
    "rateLimits": [
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    ],
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "isSpotTradingAllowed": True,
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.01000000", "maxPrice": "1000000.0"},
                {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
                {"filterType": "NOTIONAL", "minNotional": "5.00000000", "avgPriceMins": 5},
            ],
            "permissions": [],
            "permissionSets": [["SPOT", "MARGIN"]],
        },
        {
            "symbol": "币安人生USDT",
            "status": "NEW_WORD",
            "baseAsset": "币安人生",
            "quoteAsset": "USDT",
        },
    ],
}


def test_pairs_and_the_weight_limit_are_read() -> None:
    info = parse_exchange_info(INFO)

    assert info.weight_limit == 6000
    assert info.instruments[0] == Instrument(
        "BTCUSDT", "BTC", "USDT", "TRADING", frozenset({"SPOT", "MARGIN"}), True,
        Decimal("0.01000000"), Decimal("0.00001000"), Decimal("5.00000000"),
    )  # fmt: skip


def test_unknown_status_means_not_trading() -> None:
    pair = parse_exchange_info(INFO).instruments[1]

    assert (pair.symbol, pair.is_trading, pair.tick_size) == ("币安人生USDT", False, None)


def test_weight_limit_may_be_unsaid() -> None:
    assert parse_exchange_info({"symbols": []}).weight_limit is None


def test_time_may_be_text() -> None:
    assert parse_time({"serverTime": "1704067200123"}) == from_ms(1704067200123)


def test_tickers_are_exact() -> None:
    row = {
        "symbol": "BTCUSDT",
        "lastPrice": "42000.10",
        "volume": "29394140.50",
        "quoteVolume": "1234567890123.12345678",
    }

    assert parse_tickers([row]) == {
        "BTCUSDT": Ticker(
            Decimal("42000.10"), Decimal("29394140.50"), Decimal("1234567890123.12345678")
        )
    }


@pytest.mark.parametrize("price", ["-1", "1e5", "NaN", "Infinity", ""])
def test_price_that_is_no_plain_decimal_is_refused(price: str) -> None:
    with pytest.raises(MalformedPayload, match="not a decimal number"):
        parse_tickers(
            [{"symbol": "BTCUSDT", "lastPrice": price, "volume": "1", "quoteVolume": "1"}]
        )


@pytest.mark.parametrize("payload", [{}, [], {"symbols": [{"symbol": "X"}]}, {"symbols": "none"}])
def test_exchange_info_of_another_shape_is_refused(payload: object) -> None:
    with pytest.raises(MalformedPayload, match="exchangeInfo"):
        parse_exchange_info(payload)


@pytest.mark.parametrize("moment", [-1, 10**14, 10**18, "9" * 30])
def test_time_that_no_clock_shows_is_refused(moment: object) -> None:
    with pytest.raises(MalformedPayload, match="time"):
        parse_time({"serverTime": moment})


@pytest.mark.parametrize("changed", [{"intervalNum": 0}, {"limit": 0}, {"limit": 2**31}])
def test_weight_limit_that_cannot_be_is_refused(changed: dict[str, int]) -> None:
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 9}
    with pytest.raises(MalformedPayload, match="exchangeInfo"):
        parse_exchange_info({"symbols": [], "rateLimits": [limit | changed]})


@pytest.mark.parametrize("name", ["", "BTC\x00USDT", "BTC\nUSDT", "B" * 101])
def test_pair_whose_name_cannot_be_kept_is_refused(name: str) -> None:
    pair = {"symbol": name, "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    with pytest.raises(MalformedPayload, match="exchangeInfo"):
        parse_exchange_info({"symbols": [pair]})


def test_pair_that_is_there_twice_is_refused() -> None:
    pair = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    with pytest.raises(MalformedPayload, match="twice"):
        parse_exchange_info({"symbols": [pair, {**pair, "status": "BREAK"}]})
