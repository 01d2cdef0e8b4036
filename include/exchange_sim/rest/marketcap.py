"""The sources of market capitalisation: CoinGecko's API and Binance's product list.

CoinGecko's paths begin with ``/coingecko``, which stands for ``https://api.coingecko.com``.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from exchange_sim.error_replies import JSON_TYPE, not_found
from exchange_sim.klines.decimals import fixed8
from exchange_sim.klines.instrument import Coin, Instrument
from exchange_sim.klines.intervals import DAY_MS, moment
from exchange_sim.state import Exchange, exchange_of

PREFIX = "/coingecko/api/v3"
_PAGE, _PAGE_MOST, _TICKERS_PAGE = 100, 250, 100
# CoinGecko leaves duplicates of other coins out unless it is asked for them.
_REHYPOTHECATED = frozenset({"WBTC", "WBETH"})


@dataclass(frozen=True, slots=True)
class _Listed:
    """A coin as CoinGecko knows it: price and supply of one whole coin, in US dollars."""

    coin_id: str
    symbol: str
    name: str
    price: Decimal
    supply: int

    @property
    def cap(self) -> Decimal:
        return self.price * self.supply


# Coins that Binance does not trade; two of them share a ticker with one that it does.
_ELSEWHERE = (
    _Listed("tether", "usdt", "Tether", Decimal("1.0001"), 183_000_000_000),
    _Listed("leo-token", "leo", "LEO Token", Decimal("9.12"), 922_000_000),
    _Listed("hyperliquid", "hype", "Hyperliquid", Decimal("38.4"), 334_000_000),
    _Listed("whitebit", "wbt", "WhiteBIT Coin", Decimal("43.7"), 213_000_000),
    _Listed("monero", "xmr", "Monero", Decimal("331.2"), 18_400_000),
    _Listed("crypto-com-chain", "cro", "Cronos", Decimal("0.14"), 34_000_000_000),
    _Listed("jupiter", "jup", "Jupiter Project", Decimal("0.00061"), 1_290_000_000),
    _Listed("pepe-community", "pepe", "Pepe Community", Decimal("4.1e-9"), 100_000_000_000_000),
)


def _unbundled(coin: Coin) -> _Listed:
    """Return the coin itself where the exchange trades bundles of a thousand of it."""
    price = Decimal(coin.price[0]).scaleb(-coin.price[1])
    supply = coin.supply or 0
    symbol = coin.base.lower()
    if coin.base.startswith("1000"):
        return _Listed(coin.coin_id, symbol[4:], coin.name[4:], price / 1000, supply * 1000)
    return _Listed(coin.coin_id, symbol, coin.name, price, supply)


def _ranked(exchange: Exchange, now_ms: int, *, all_kinds: bool) -> list[_Listed]:
    own = [
        _unbundled(coin)
        for coin in exchange.market.coins(now_ms)
        if coin.coin_id and (all_kinds or coin.base not in _REHYPOTHECATED)
    ]
    return sorted([*own, *_ELSEWHERE], key=lambda coin: (-coin.cap, coin.coin_id))


def _error(status: int, text: str) -> web.Response:
    body = msgspec.json.encode({"error": text})
    return web.Response(status=status, body=body, headers={"Content-Type": JSON_TYPE})


def _reply(value: Any) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _whole(text: str | None, default: int, most: int) -> int:
    if text is None or not text.isascii() or not text.isdigit() or int(text) < 1:
        return default
    return min(int(text), most)


def _market_row(coin: _Listed, rank: int, now_ms: int) -> dict[str, Any]:
    price = float(coin.price)
    return {
        "id": coin.coin_id,
        "symbol": coin.symbol,
        "name": coin.name,
        "image": None,
        "current_price": price,
        "market_cap": float(coin.cap.quantize(Decimal(1))),
        "market_cap_rank": rank,
        "fully_diluted_valuation": None,
        "total_volume": float((coin.cap / 20).quantize(Decimal(1))),
        "high_24h": None,
        "low_24h": None,
        "price_change_24h": None,
        "price_change_percentage_24h": None,
        "circulating_supply": float(coin.supply),
        "total_supply": float(coin.supply),
        "max_supply": None,
        "last_updated": moment(now_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


async def coins_markets(request: web.Request) -> web.Response:
    """Answer coins by market capitalisation; 404 where the market knows no supplies."""
    exchange = exchange_of(request)
    query = request.query
    if not exchange.market.has_market_caps:
        return _error(404, "this market has no market capitalisation")
    if query.get("vs_currency") != "usd":
        missing = "vs_currency" not in query
        return _error(422, "Missing parameter vs_currency" if missing else "invalid vs_currency")
    now_ms = exchange.clock.now_ms()
    everything = query.get("include_rehypothecated") == "true"
    ranked = list(enumerate(_ranked(exchange, now_ms, all_kinds=everything), start=1))
    if "ids" in query:
        wanted = set(query["ids"].split(","))
        ranked = [(rank, coin) for rank, coin in ranked if coin.coin_id in wanted]
    if query.get("order") == "market_cap_asc":
        ranked.reverse()
    size = _whole(query.get("per_page"), _PAGE, _PAGE_MOST)
    first = (_whole(query.get("page"), 1, 10**6) - 1) * size
    rows = [_market_row(coin, rank, now_ms) for rank, coin in ranked[first : first + size]]
    return _reply(rows)


def _ticker_row(
    exchange: Exchange, item: Instrument, coins: dict[str, Coin], now_ms: int
) -> dict[str, Any]:
    price, decimals = exchange.market.last_price(item.symbol, now_ms)
    last = float(Decimal(price).scaleb(-decimals))
    coin, target = coins.get(item.base), coins.get(item.quote)
    listed = None if coin is None or not coin.coin_id else _unbundled(coin)
    at = moment(now_ms).isoformat(timespec="seconds")
    return {
        "base": item.base,
        "target": item.quote,
        "market": {"name": "Binance", "identifier": "binance", "has_trading_incentive": False},
        "last": last,
        "volume": 0.0,
        "bid_ask_spread_percentage": 0.01,
        "timestamp": at,
        "last_traded_at": at,
        "last_fetch_at": at,
        "is_anomaly": False,
        "is_stale": False,
        "trade_url": f"https://www.binance.com/en/trade/{item.base}_{item.quote}",
        "token_info_url": None,
        "coin_id": None if listed is None else listed.coin_id,
        "target_coin_id": "tether" if item.quote == "USDT" else target and target.coin_id,
        "coin_mcap_usd": None if listed is None else float(listed.cap.quantize(Decimal(1))),
    }


async def exchange_tickers(request: web.Request) -> web.Response:
    """Answer Binance's trading pairs with CoinGecko's coin ids, by base and target."""
    exchange = exchange_of(request)
    if not exchange.market.has_market_caps:
        return _error(404, "this market has no market capitalisation")
    now_ms = exchange.clock.now_ms()
    items = [i for i in exchange.market.instruments(now_ms) if i.status == "TRADING"]
    items.sort(key=lambda item: (item.base, item.quote))
    first = (_whole(request.query.get("page"), 1, 10**6) - 1) * _TICKERS_PAGE
    coins = {coin.base: coin for coin in exchange.market.coins(now_ms)}
    page = items[first : first + _TICKERS_PAGE]
    rows = [_ticker_row(exchange, item, coins, now_ms) for item in page]
    return _reply({"name": "Binance", "tickers": rows})


def _product_row(exchange: Exchange, item: Instrument, now_ms: int) -> dict[str, Any]:
    market = exchange.market
    last = fixed8(*market.last_price(item.symbol, now_ms))
    day = market.stretch(item.symbol, now_ms - DAY_MS, now_ms)
    opened = high = low = last
    volume = quote = "0.00000000"
    if day is not None:
        opened, high, low = (
            fixed8(price, day.price_decimals) for price in (day.open, day.high, day.low)
        )
        volume = fixed8(day.lots, day.lot_decimals)
        quote = fixed8(day.quote, day.quote_decimals)
    return {
        "s": item.symbol,
        "st": item.status,
        "b": item.base,
        "q": item.quote,
        "ba": "",
        "qa": "",
        "an": item.name,
        "qn": item.quote,
        "i": fixed8(1, item.lot_decimals),
        "ts": fixed8(1, item.price_decimals),
        "o": opened,
        "h": high,
        "l": low,
        "c": last,
        "v": volume,
        "qv": quote,
        "as": 0,
        "cs": item.supply,
        "tags": list(item.tags),
        "pm": item.quote,
        "pn": item.quote,
        "pom": False,
        "pomt": None,
        "etf": item.permission == "LEVERAGED",
        "lc": False,
    }


async def products(request: web.Request) -> web.Response:
    """Answer Binance's own product list; leveraged tokens only with ``includeEtf=true``."""
    exchange = exchange_of(request)
    if not exchange.market.has_market_caps:
        return not_found()
    now_ms = exchange.clock.now_ms()
    with_etf = request.query.get("includeEtf") == "true"
    rows = [
        _product_row(exchange, item, now_ms)
        for item in exchange.market.instruments(now_ms)
        if with_etf or item.permission != "LEVERAGED"
    ]
    body = {"code": "000000", "message": None, "messageDetail": None, "data": rows, "success": True}
    return _reply(body)
