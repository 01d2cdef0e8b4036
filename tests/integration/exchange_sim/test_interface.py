"""Everything of the REST interface besides klines."""

from decimal import Decimal
from typing import Any

import pytest

from exchange_sim.klines.intervals import DAY_MS, MINUTE_MS, iso_ms
from exchange_sim.market.synthetic import SyntheticMarket

NOW = iso_ms("2026-05-20T10:20:31")


def eligible(rows: list[dict[str, Any]]) -> set[str]:
    """What a universe may choose from before stable, wrapped and other bases are left out."""
    return {
        row["symbol"]
        for row in rows
        if row["status"] == "TRADING"
        and row["isSpotTradingAllowed"]
        and row["quoteAsset"] == "USDT"
        and any("SPOT" in inner for inner in row["permissionSets"])
    }


def test_ping_time_and_unknown_paths(exchange: Any, get: Any) -> None:
    assert get("/api/v3/ping").json == {}
    assert get("/api/v3/time").json == {"serverTime": NOW}
    assert get("/api/v3/time", colour="red").json["code"] == -1101
    missing = get("/api/v9/klines")
    assert (missing.status, missing.body[:6]) == (404, b"<html>")
    assert missing.headers["x-exchange-sim-market"] == exchange.market_id


def test_exchange_info_lists_what_is_listed_by_now(get: Any) -> None:
    market, info = SyntheticMarket(42), get("/api/v3/exchangeInfo").json
    shown = {row["symbol"] for row in info["symbols"]}
    assert len(shown) >= 70
    assert shown == {s for s in market.symbols() if market.listing(s).listed_ms <= NOW}
    assert {limit["rateLimitType"]: limit["limit"] for limit in info["rateLimits"]}[
        "REQUEST_WEIGHT"
    ] == 10**6
    chosen = eligible(info["symbols"])
    ordinary = {s for s in chosen if market.spec(s).kind == "coin"}
    assert len(ordinary) >= 56
    assert {"JUPUSDT", "SYRUPUSDT", "1000SATSUSDT", "PEPEUSDT"} <= ordinary
    assert {market.spec(s).kind for s in chosen} >= {"stable", "fiat", "wrapped", "gold", "stock"}
    statuses = {row["symbol"]: row["status"] for row in info["symbols"]}
    assert statuses["BTCUPUSDT"] == statuses["MATICUSDT"] == "BREAK"
    assert statuses["GTCUSDT"] == "HALT"
    row = next(row for row in info["symbols"] if row["symbol"] == "BTCUSDT")
    sizes = {f["filterType"]: f for f in row["filters"]}
    assert sizes["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert sizes["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert row["permissions"] == []
    assert row["permissionSets"][0][:2] == ["SPOT", "MARGIN"]


def test_exchange_info_is_filtered_as_asked(get: Any) -> None:
    def symbols(**query: Any) -> list[str]:
        reply = get("/api/v3/exchangeInfo", **query)
        return [row["symbol"] for row in reply.json["symbols"]]

    assert symbols(symbol="ETHUSDT") == ["ETHUSDT"]
    assert symbols(symbols='["ETHUSDT","BTCUSDT"]') == ["ETHUSDT", "BTCUSDT"]
    assert "MATICUSDT" in symbols(symbolStatus="BREAK")
    assert "BTCUPUSDT" in symbols(permissions="LEVERAGED")
    assert "BTCUSDT" not in symbols(permissions='["LEVERAGED"]')
    plain = get("/api/v3/exchangeInfo", symbol="ETHUSDT", showPermissionSets="false").json
    assert plain["symbols"][0]["permissionSets"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "NOSUCH"}, -1121),
        ({"symbols": '["BTCUSDT","NOSUCH"]'}, -1121),
        ({"symbols": "BTCUSDT"}, -1100),
        ({"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
        ({"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
        ({"symbolStatus": "ASLEEP"}, -1122),
        ({"permissions": "[SPOT"}, -1135),
        ({"showPermissionSets": "maybe"}, -1130),
    ],
)
def test_exchange_info_refuses_what_it_cannot_filter(
    get: Any, query: dict[str, str], code: int
) -> None:
    reply = get("/api/v3/exchangeInfo", **query)
    assert (reply.status, reply.json["code"]) == (400, code)


def test_the_day_ticker_is_the_rolling_day(get: Any) -> None:
    market = SyntheticMarket(42)
    row = get("/api/v3/ticker/24hr", symbol="ETHUSDT").json
    start = (NOW - DAY_MS) // MINUTE_MS * MINUTE_MS
    minutes = market.candles("ETHUSDT", "1m", start, NOW // MINUTE_MS * MINUTE_MS)
    closed = sum(Decimal(minute.volume) for minute in minutes)
    assert closed <= Decimal(row["volume"]) <= closed * Decimal("1.02")
    assert row["openPrice"] == minutes[0].open
    assert row["count"] == row["lastId"] - row["firstId"] + 1
    assert (row["openTime"], row["closeTime"]) == (NOW - DAY_MS, NOW)
    assert Decimal(row["bidPrice"]) < Decimal(row["askPrice"])


def test_tickers_answer_one_several_or_all(get: Any) -> None:
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker"):
        everything = get(f"/api/v3/{path}").json
        assert len(everything) >= 70
        two = get(f"/api/v3/{path}", symbols='["BTCUSDT","MATICUSDT"]').json
        assert [row["symbol"] for row in two] == ["BTCUSDT", "MATICUSDT"]
        assert get(f"/api/v3/{path}", symbol="BTCUSDT").json == two[0]
        assert get(f"/api/v3/{path}", symbol="NOSUCH").json["code"] == -1121
    mini = get("/api/v3/ticker/24hr", symbol="BTCUSDT", type="MINI").json
    assert "bidPrice" not in mini
    assert get("/api/v3/ticker/24hr", type="SMALL").json["code"] == -1139
    broken = get("/api/v3/ticker/24hr", symbol="MATICUSDT").json
    assert (broken["count"], broken["firstId"], broken["volume"]) == (0, -1, "0.00000000")
    assert get("/api/v3/avgPrice", symbol="BTCUSDT").json["mins"] == 5


def test_the_book_stands_around_the_last_price(get: Any) -> None:
    book = get("/api/v3/depth", symbol="BTCUSDT", limit=5000).json
    bids, asks = ([Decimal(price) for price, _ in book[side]] for side in ("bids", "asks"))
    assert len(bids) == len(asks) == 5000
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    last = Decimal(get("/api/v3/ticker/price", symbol="BTCUSDT").json["price"])
    assert bids[0] < last < asks[0]
    assert len(get("/api/v3/depth", symbol="BTCUSDT", limit=9000).json["bids"]) == 5000
    assert len(get("/api/v3/depth", symbol="BTCUSDT").json["bids"]) == 100
    cheap = get("/api/v3/depth", symbol="BTTCUSDT", limit=1000).json["bids"]
    assert Decimal(cheap[-1][0]) == Decimal("0.00000001")
    assert get("/api/v3/depth", symbol="MATICUSDT").json["bids"] == []


def test_trades_are_numbered_without_gaps_and_can_be_asked_by_number(get: Any) -> None:
    newest = get("/api/v3/trades", symbol="MANTAUSDT", limit=1000).json
    numbers = [trade["id"] for trade in newest]
    assert numbers == list(range(numbers[0], numbers[0] + 1000))
    assert all(trade["time"] <= NOW for trade in newest)
    again = get("/api/v3/historicalTrades", symbol="MANTAUSDT", limit=1000, fromId=numbers[0])
    assert again.json == newest
    start, end = newest[10]["time"], newest[40]["time"]
    between = get("/api/v3/aggTrades", symbol="MANTAUSDT", startTime=start, endTime=end).json
    assert {trade["a"] for trade in between} == {
        trade["id"] for trade in newest if start <= trade["time"] <= end
    }
    assert (
        get("/api/v3/aggTrades", symbol="MANTAUSDT", fromId=numbers[0], limit=1).json[0]["p"]
        == (newest[0]["price"])
    )
    both = get("/api/v3/aggTrades", symbol="MANTAUSDT", fromId=1, startTime=1)
    assert both.json["code"] == -1128


def test_coingecko_ranks_coins_and_maps_pairs_to_them(exchange: Any, get_from: Any) -> None:
    path = "/coingecko/api/v3/coins/markets"
    rows = get_from(exchange.url, path, vs_currency="usd", per_page=250, page=1).json
    caps = [row["market_cap"] for row in rows]
    assert caps == sorted(caps, reverse=True)
    assert [row["market_cap_rank"] for row in rows] == list(range(1, len(rows) + 1))
    ids = {row["id"] for row in rows}
    assert "wrapped-bitcoin" not in ids
    assert len([row for row in rows if row["symbol"] == "jup"]) == 2
    sats = next(row for row in rows if row["id"] == "sats-ordinals")
    assert (sats["symbol"], sats["circulating_supply"]) == ("sats", 2.1e15)
    everything = get_from(
        exchange.url, path, vs_currency="usd", per_page=250, include_rehypothecated="true"
    ).json
    assert "wrapped-bitcoin" in {row["id"] for row in everything}
    pages = [
        get_from(exchange.url, path, vs_currency="usd", per_page=30, page=p).json for p in (1, 2)
    ]
    assert pages[0] + pages[1] == rows[:60]
    assert get_from(exchange.url, path).status == 422
    tickers = "/coingecko/api/v3/exchanges/binance/tickers"
    pairs = get_from(exchange.url, tickers, page=1).json["tickers"]
    found = {(pair["base"], pair["target"]): pair["coin_id"] for pair in pairs}
    assert found["JUP", "USDT"] == "jupiter-exchange-solana"
    assert get_from(exchange.url, tickers, page=9).json["tickers"] == []


def test_the_product_list_has_supplies_tags_and_leveraged_tokens(get: Any) -> None:
    path = "/bapi/asset/v2/public/asset-service/product/get-products"
    reply = get(path, includeEtf="true").json
    assert reply["code"] == "000000"
    rows = {row["s"]: row for row in reply["data"]}
    assert rows["BTCUSDT"]["cs"] == 19_900_000
    assert rows["EURUSDT"]["cs"] is None
    assert rows["NVDABUSDT"]["tags"] == ["bStocks"]
    assert rows["BTCUPUSDT"]["etf"] is True
    assert "BTCUPUSDT" not in {row["s"] for row in get(path).json["data"]}
