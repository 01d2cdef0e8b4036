"""``ticker/24hr``, ``ticker/price``, ``ticker/bookTicker`` and ``avgPrice``."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from exchange_sim.error_replies import ApiError, invalid_symbol, json_response
from exchange_sim.klines.decimals import fixed8, ratio8
from exchange_sim.klines.instrument import Instrument, Stretch
from exchange_sim.klines.intervals import DAY_MS, MINUTE_MS
from exchange_sim.rest.params import Params
from exchange_sim.rest.units import time_factor
from exchange_sim.state import Exchange, exchange_of

_ZERO = "0.00000000"
_AVERAGE_MINUTES = 5
_MINI = frozenset(
    {"symbol", "lastPrice", "openPrice", "highPrice", "lowPrice", "volume", "quoteVolume",
     "openTime", "closeTime", "firstId", "lastId", "count"}
)  # fmt: skip


def _one_or_many(
    params: Params,
    exchange: Exchange,
    now_ms: int,
    row: Callable[[Exchange, Instrument, int], dict[str, Any]],
) -> web.Response:
    """Answer for one symbol with an object, for a list or for all with an array."""
    symbol = params.symbol() if params.text("symbol") is not None else None
    names = params.symbols()
    if symbol is not None and names is not None:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    params.finish()
    if symbol is not None:
        item = exchange.market.instrument(symbol, now_ms)
        if item is None:
            raise invalid_symbol()
        return json_response(msgspec.json.encode(row(exchange, item, now_ms)))
    items = exchange.market.instruments(now_ms)
    if names is not None:
        known = {item.symbol: item for item in items}
        if not known.keys() >= set(names):
            raise invalid_symbol()
        items = [known[name] for name in names]
    return json_response(msgspec.json.encode([row(exchange, item, now_ms) for item in items]))


def _beside(exchange: Exchange, item: Instrument, now_ms: int) -> dict[str, str]:
    """Return best bid and ask: the book's, or none where nothing is traded."""
    book = exchange.market.book(item.symbol, now_ms, 1)
    found = {}
    for name, levels in (("bid", book.bids), ("ask", book.asks)):
        price, size = levels[0] if levels else (0, 0)
        found[f"{name}Price"] = fixed8(price, book.price_decimals)
        found[f"{name}Qty"] = fixed8(size, book.lot_decimals)
    return found


def _traded(stretch: Stretch) -> dict[str, Any]:
    tick, lot, quote = stretch.price_decimals, stretch.lot_decimals, stretch.quote_decimals
    change = stretch.close - stretch.open
    return {
        "priceChange": fixed8(change, tick),
        "priceChangePercent": ratio8(change * 100, stretch.open, 3),
        "weightedAvgPrice": ratio8(stretch.quote * 10**lot, stretch.lots * 10**quote),
        "prevClosePrice": fixed8(stretch.open, tick),
        "lastQty": fixed8(stretch.lots // max(1, stretch.trades), lot),
        "openPrice": fixed8(stretch.open, tick),
        "highPrice": fixed8(stretch.high, tick),
        "lowPrice": fixed8(stretch.low, tick),
        "volume": fixed8(stretch.lots, lot),
        "quoteVolume": fixed8(stretch.quote, quote),
        "count": stretch.trades,
    }


_NOTHING = {
    **dict.fromkeys(
        ("priceChange", "weightedAvgPrice", "prevClosePrice", "lastQty", "openPrice", "highPrice",
         "lowPrice", "volume", "quoteVolume"),
        _ZERO,
    ),
    "priceChangePercent": "0.000",
    "count": 0,
}  # fmt: skip


def _day_row(exchange: Exchange, item: Instrument, now_ms: int) -> dict[str, Any]:
    start = now_ms - DAY_MS
    market = exchange.market
    stretch = market.stretch(item.symbol, start, now_ms)
    price, decimals = market.last_price(item.symbol, now_ms)
    count = 0 if stretch is None else stretch.trades
    first = market.first_trade_id(item.symbol, start) if count else None
    return {
        "symbol": item.symbol,
        **(_NOTHING if stretch is None else _traded(stretch)),
        "lastPrice": fixed8(price, decimals),
        **_beside(exchange, item, now_ms),
        "openTime": start,
        "closeTime": now_ms,
        "firstId": -1 if first is None else first,
        # Numbers jump at a month's end, so the last one is asked for and not counted.
        "lastId": -1 if first is None else market.last_trade_id(item.symbol, now_ms),
    }


async def day_ticker(request: web.Request) -> web.Response:
    """Answer the rolling 24 hours, cut to whole minutes at their beginning."""
    exchange = exchange_of(request)
    params = Params(request.query)
    kind = params.text("type") or "FULL"
    if kind not in ("FULL", "MINI"):
        raise ApiError(-1139, "Invalid ticker type.")
    factor = time_factor(request)

    def row(exchange: Exchange, item: Instrument, now_ms: int) -> dict[str, Any]:
        full = _day_row(exchange, item, now_ms)
        full["openTime"] *= factor
        full["closeTime"] *= factor
        return full if kind == "FULL" else {k: v for k, v in full.items() if k in _MINI}

    return _one_or_many(params, exchange, exchange.clock.now_ms(), row)


def _price_row(exchange: Exchange, item: Instrument, now_ms: int) -> dict[str, Any]:
    price, decimals = exchange.market.last_price(item.symbol, now_ms)
    return {"symbol": item.symbol, "price": fixed8(price, decimals)}


async def price_ticker(request: web.Request) -> web.Response:
    """Answer last prices."""
    exchange = exchange_of(request)
    return _one_or_many(Params(request.query), exchange, exchange.clock.now_ms(), _price_row)


async def book_ticker(request: web.Request) -> web.Response:
    """Answer best bids and asks."""
    exchange = exchange_of(request)

    def row(exchange: Exchange, item: Instrument, now_ms: int) -> dict[str, Any]:
        return {"symbol": item.symbol, **_beside(exchange, item, now_ms)}

    return _one_or_many(Params(request.query), exchange, exchange.clock.now_ms(), row)


async def average_price(request: web.Request) -> web.Response:
    """Answer the average price of five minutes, or the last price if none traded."""
    exchange = exchange_of(request)
    params = Params(request.query)
    symbol = params.symbol()
    params.finish()
    now_ms = exchange.clock.now_ms()
    if exchange.market.instrument(symbol, now_ms) is None:
        raise invalid_symbol()
    stretch = exchange.market.stretch(symbol, now_ms - _AVERAGE_MINUTES * MINUTE_MS, now_ms)
    price = fixed8(*exchange.market.last_price(symbol, now_ms))
    if stretch is not None and stretch.lots:
        price = ratio8(
            stretch.quote * 10**stretch.lot_decimals, stretch.lots * 10**stretch.quote_decimals
        )
    body = {"mins": _AVERAGE_MINUTES, "price": price, "closeTime": now_ms * time_factor(request)}
    return json_response(msgspec.json.encode(body))
