"""``depth``, ``trades``, ``historicalTrades`` and ``aggTrades``."""

from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from exchange_sim.error_replies import ApiError, invalid_symbol, json_response
from exchange_sim.klines.decimals import fixed8
from exchange_sim.klines.instrument import PrintedTrade
from exchange_sim.rest.params import Params
from exchange_sim.rest.units import time_factor
from exchange_sim.state import Exchange, exchange_of

_DEPTH_DEFAULT, _DEPTH_MOST = 100, 5000
_TRADES_DEFAULT, _TRADES_MOST = 500, 1000


def _known(exchange: Exchange, params: Params) -> tuple[str, int]:
    """Return the symbol and the exchange's time.

    Raises:
        ApiError: -1121, and what the parameter itself may raise.
    """
    symbol, now_ms = params.symbol(), exchange.clock.now_ms()
    if exchange.market.instrument(symbol, now_ms) is None:
        raise invalid_symbol()
    return symbol, now_ms


async def depth(request: web.Request) -> web.Response:
    """Answer the book, at most 5000 levels a side."""
    exchange = exchange_of(request)
    params = Params(request.query)
    symbol, now_ms = _known(exchange, params)
    limit = params.limit(_DEPTH_DEFAULT, _DEPTH_MOST)
    params.finish()
    book = exchange.market.book(symbol, now_ms, limit)
    tick, lot = book.price_decimals, book.lot_decimals

    def levels(side: Iterable[tuple[int, int]]) -> list[list[str]]:
        return [[fixed8(price, tick), fixed8(size, lot)] for price, size in side]

    body = {"lastUpdateId": book.update_id, "bids": levels(book.bids), "asks": levels(book.asks)}
    return json_response(msgspec.json.encode(body))


def _trade_row(trade: PrintedTrade, factor: int) -> dict[str, Any]:
    return {
        "id": trade.trade_id,
        "price": trade.price,
        "qty": trade.quantity,
        "quoteQty": trade.quote_quantity,
        "time": trade.time_ms * factor,
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


async def trades(request: web.Request) -> web.Response:
    """Answer the newest trades, ascending."""
    exchange = exchange_of(request)
    params = Params(request.query)
    symbol, now_ms = _known(exchange, params)
    limit = params.limit(_TRADES_DEFAULT, _TRADES_MOST)
    params.finish()
    found = exchange.market.trades_before(symbol, now_ms, limit)
    factor = time_factor(request)
    return json_response(msgspec.json.encode([_trade_row(trade, factor) for trade in found]))


async def historical_trades(request: web.Request) -> web.Response:
    """Answer trades from a number on, or the newest."""
    exchange = exchange_of(request)
    params = Params(request.query)
    symbol, now_ms = _known(exchange, params)
    from_id = params.integer("fromId")
    limit = params.limit(_TRADES_DEFAULT, _TRADES_MOST)
    params.finish()
    market = exchange.market
    if from_id is None:
        found = market.trades_before(symbol, now_ms, limit)
    else:
        found = market.trades_from_id(symbol, from_id, now_ms, limit)
    factor = time_factor(request)
    return json_response(msgspec.json.encode([_trade_row(trade, factor) for trade in found]))


async def agg_trades(request: web.Request) -> web.Response:
    """Answer aggregate trades, each of exactly one trade."""
    exchange = exchange_of(request)
    params = Params(request.query)
    symbol, now_ms = _known(exchange, params)
    from_id = params.integer("fromId")
    start = params.time_ms("startTime", is_start=True)
    end = params.time_ms("endTime", is_start=False)
    limit = params.limit(_TRADES_DEFAULT, _TRADES_MOST)
    params.finish()
    market = exchange.market
    if from_id is not None:
        if start is not None or end is not None:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        found = market.trades_from_id(symbol, from_id, now_ms, limit)
    elif start is not None:
        last = now_ms if end is None else min(end, now_ms)
        found = market.trades_between(symbol, start, last, limit)
    else:
        found = market.trades_before(symbol, now_ms if end is None else min(end, now_ms), limit)
    factor = time_factor(request)
    rows = [
        {
            "a": trade.trade_id,
            "p": trade.price,
            "q": trade.quantity,
            "f": trade.trade_id,
            "l": trade.trade_id,
            "T": trade.time_ms * factor,
            "m": trade.buyer_is_maker,
            "M": True,
        }
        for trade in found
    ]
    return json_response(msgspec.json.encode(rows))
