"""``/api/v3/klines``: pages of candles by the exchange's own rules for bounds and limits."""

import re

from aiohttp import web

from exchange_sim.error_replies import ApiError, invalid_symbol, json_response
from exchange_sim.klines.intervals import INTERVALS
from exchange_sim.klines.paging import DEFAULT_LIMIT, MAX_LIMIT, Query, in_microseconds
from exchange_sim.rest.params import Params, invalid
from exchange_sim.rest.units import wants_microseconds
from exchange_sim.state import exchange_of

_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?", re.ASCII)


def _check_zone(params: Params) -> None:
    """Accept ``timeZone`` only where it moves no slot: the market's days are UTC days.

    Raises:
        ApiError: -1130 for anything but an offset of zero.
    """
    zone = params.text("timeZone")
    if zone is None:
        return
    parts = _ZONE.fullmatch(zone)
    if parts is None or int(parts[2]) or int(parts[3] or 0):
        raise invalid("timeZone")


def read_query(params: Params) -> Query:
    """Return the request that the parameters make.

    Raises:
        ApiError: -1100, -1102, -1104, -1105, -1120 or -1130, as Binance does.
    """
    symbol = params.symbol()
    interval = params.required("interval")
    if interval not in INTERVALS:
        raise ApiError(-1120, "Invalid interval.")
    start = params.time_ms("startTime", is_start=True)
    end = params.time_ms("endTime", is_start=False)
    limit = params.limit(DEFAULT_LIMIT, MAX_LIMIT)
    _check_zone(params)
    params.finish()
    return Query(symbol, interval, start, end, limit)


async def klines(request: web.Request) -> web.Response:
    """Answer one page."""
    exchange = exchange_of(request)
    query = read_query(Params(request.query))
    now_ms = exchange.clock.now_ms()
    if exchange.market.instrument(query.symbol, now_ms) is None:
        raise invalid_symbol()
    reason = exchange.market.unserved(query.symbol, query.interval)
    if reason is not None:
        raise ApiError(-1020, f"This operation is not supported: {reason}")
    page = exchange.market.klines(query, now_ms)
    return json_response(in_microseconds(page) if wants_microseconds(request) else page)
