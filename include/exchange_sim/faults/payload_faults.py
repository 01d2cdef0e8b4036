"""How a fault changes what a client gets."""

import asyncio
import math
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import msgspec
from aiohttp import web

from exchange_sim.error_replies import JSON_TYPE, error_response, invalid_symbol, no_such_key
from exchange_sim.faults.fault_rules import PAGE_KINDS, Fault
from exchange_sim.klines.intervals import FIXED_MS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FORBIDDEN = (
    "<html>\r\n<head><title>403 Forbidden</title></head>\r\n"
    "<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n</body>\r\n</html>\r\n"
)
_RESTRICTED = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you "
    "received this message in error."
)
_UNKNOWN = "An unknown error occurred while processing the request."
_OVERLOADED = (
    "Server is currently overloaded with other requests. Please try again in a few minutes."
)
_TIMEOUT_S = 60.0
_DELAY_S = 1.0
_RETRY_AFTER_S = 1.0
_COLUMNS = 12
# Where exchangeInfo, the product list and CoinGecko's tickers have their entries.
_LISTED = frozenset({"symbols", "data", "tickers"})


def _html(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def _retry_after(fault: Fault) -> dict[str, str]:
    """Return the header Retry-After with the wait, in whole seconds or as a date."""
    wait = math.ceil(_RETRY_AFTER_S if fault.seconds is None else fault.seconds)
    if fault.wait_in == "date":
        # Dates have whole seconds: no wait is shorter for that.
        return {"Retry-After": formatdate(math.ceil(time.time()) + wait, usegmt=True)}
    return {"Retry-After": str(wait)} if fault.wait_in in (None, "seconds") else {}


def _ban(fault: Fault) -> web.Response:
    text = "Way too much request weight used; IP banned"
    if fault.wait_in in (None, "body"):
        until_s = time.time() + (_RETRY_AFTER_S if fault.seconds is None else fault.seconds)
        text += f" until {math.ceil(until_s * 1000)}"
    advice = "Please use WebSocket Streams for live updates to avoid bans."
    return error_response(-1003, f"{text}. {advice}", 418, _retry_after(fault))


def _states_wait(fault: Fault) -> bool:
    """Return whether a fault of kind 403 or 503 states how long to wait."""
    return fault.seconds is not None or fault.wait_in is not None


def instead(fault: Fault) -> web.Response | None:
    """Return the reply that takes the place of the real one, None if the kind needs that one."""
    json_like = {"Content-Type": JSON_TYPE}
    match fault.kind:
        case "403":
            return _html(403, _FORBIDDEN, _retry_after(fault) if _states_wait(fault) else None)
        case "451":
            return error_response(0, _RESTRICTED, 451)
        case "418":
            return _ban(fault)
        case "429":
            return error_response(-1003, "Too much request weight used.", 429, _retry_after(fault))
        case "500":
            return error_response(-1000, _UNKNOWN, 500)
        case "503":
            headers = _retry_after(fault) if _states_wait(fault) else None
            return error_response(-1008, _OVERLOADED, 503, headers)
        case "504":
            return _html(504, "<html><body><h1>504 Gateway Time-out</h1></body></html>")
        case "html":
            return _html(200, "<html><body>Please enable JavaScript.</body></html>")
        case "empty":
            return web.Response(body=b"", headers=json_like)
        case "null":
            return web.Response(body=b"null", headers=json_like)
        case "missing":
            return no_such_key()
        case "unknown":
            return invalid_symbol().response()
    return None


def _reaching_back(fault: Fault, request: web.Request) -> web.Request:
    """Return the request for a page that begins earlier; as it is without a start."""
    start, interval = request.query.get("startTime"), request.query.get("interval")
    if start is None or interval not in FIXED_MS:
        return request
    earlier = int(start) - (fault.rows or 1) * FIXED_MS[interval]
    return request.clone(rel_url=request.rel_url.update_query(startTime=max(0, earlier)))


async def spoil(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request that a fault befell."""
    reply = instead(fault)
    if reply is not None:
        return reply
    if fault.kind == "reset":
        return _reset(request)
    if fault.kind == "timeout":
        await asyncio.sleep(_TIMEOUT_S if fault.seconds is None else fault.seconds)
        return _reset(request)
    if fault.kind == "delay":
        await asyncio.sleep(_DELAY_S if fault.seconds is None else fault.seconds)
        return await handler(request)
    if fault.kind == "overlap":
        request = _reaching_back(fault, request)
    true = await handler(request)
    if not isinstance(true, web.Response) or request.method == "HEAD":
        return true
    body = true.body if isinstance(true.body, bytes) else b""
    if fault.kind == "cut" and true.status in (200, 206):
        return await _cut(request, true, body)
    if true.status != 200:
        return true
    return web.Response(body=changed(fault, body), headers=true.headers)


def changed(fault: Fault, body: bytes) -> bytes:
    """Return a body of the right status and the wrong content."""
    match fault.kind:
        case "broken_json":
            return body[: len(body) * 2 // 3]
        case "truncated_zip":
            return body[: len(body) // 2]
        case "bad_checksum":
            # Another first digit, still a well-formed checksum line.
            return (b"0" if body[:1] != b"0" else b"1") + body[1:]
        case "part":
            return msgspec.json.encode(_part(fault, msgspec.json.decode(body)))
    rows: list[list[Any]] = msgspec.json.decode(body)
    change = chosen_rows if fault.kind in PAGE_KINDS else changed_rows
    return msgspec.json.encode(change(fault, rows))


def chosen_rows(fault: Fault, rows: list[list[Any]]) -> list[list[Any]]:
    """Return a page of true rows that are not exactly the requested ones."""
    count = fault.rows or 1
    match fault.kind:
        case "cap" if fault.variant == "newest":
            return rows[-count:]
        case "cap":
            return rows[:count]
        case "skip":
            return rows[min(count, len(rows) - 1) :] if rows else rows
        case "repeat":
            return sorted([*rows[:count], *rows], key=lambda row: row[0])
    return rows


def _part(fault: Fault, listing: Any) -> Any:
    """Return a list, or an answer that has one, with its first entries alone."""
    if isinstance(listing, list):
        return listing[: len(listing) // 3 if fault.rows is None else fault.rows]
    return {
        name: _part(fault, value) if name in _LISTED else value for name, value in listing.items()
    }


def changed_rows(fault: Fault, rows: list[list[Any]]) -> list[list[Any]]:
    """Return a page of klines with rows missing, stale or malformed."""
    if fault.from_ms is not None or fault.to_ms is not None:
        first = -math.inf if fault.from_ms is None else fault.from_ms
        last = math.inf if fault.to_ms is None else fault.to_ms
        touched = {i for i, row in enumerate(rows) if first <= row[0] < last}
    elif fault.kind == "hole":
        touched = set(range(len(rows) // 3, len(rows) * 2 // 3))
    else:
        touched = {len(rows) - 1}
    if fault.kind == "hole":
        return [row for i, row in enumerate(rows) if i not in touched]
    return [_changed_row(fault, row) if i in touched else row for i, row in enumerate(rows)]


def _changed_row(fault: Fault, row: list[Any]) -> list[Any]:
    return _stale(row) if fault.kind == "stale" else malformed_row(row, fault.variant)


def _stale(row: list[Any]) -> list[Any]:
    """Return a candle as it was earlier: half its volumes, the price back at the open."""
    old = list(row)
    old[4] = row[1]
    old[8] = row[8] // 2
    for column in (5, 7, 9, 10):
        old[column] = f"{(Decimal(row[column]) / 2).quantize(Decimal('1e-8')):f}"
    return old


def malformed_row(row: list[Any], variant: str | None) -> list[Any]:
    """Return a row that ends after eight columns, or whose high is no number or negative."""
    if variant in (None, "short"):
        return row[: _COLUMNS - 4]
    bad = list(row)
    bad[2] = "NaN" if variant == "text" else f"-{row[2]}"
    return bad


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        break_off(request.transport)
    # Nobody will read it: the server needs something to return.
    return web.Response(status=500)


def break_off(transport: asyncio.Transport) -> None:
    """Break a connection so that the client sees a reset, not an orderly end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _cut(request: web.Request, true: web.Response, body: bytes) -> web.StreamResponse:
    """Announce the whole body, or the whole requested part, send half of it, and close."""
    reply = web.StreamResponse(status=true.status, headers=true.headers)
    # An empty page is cut as well; of a part the length was already said.
    whole = body if len(body) > 1 or true.status == 206 else b"[]"
    reply.content_length = len(whole)
    await reply.prepare(request)
    await reply.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return reply
