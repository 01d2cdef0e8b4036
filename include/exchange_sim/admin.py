"""``/_sim``: endpoints with which a test reads and changes the stand-in, on loopback only."""

import ipaddress
from typing import Any

import msgspec
from aiohttp import web

from exchange_sim.faults.fault_rules import FaultError, parse_faults
from exchange_sim.faults.payload_faults import Handler
from exchange_sim.klines.intervals import iso_ms, moment
from exchange_sim.limits import Window
from exchange_sim.state import Exchange, exchange_of


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /_sim/clock``; applied in this order, so that a frozen clock stands exactly.

    Attributes:
        frozen: true freezes, false goes on at ``speed`` or real time.
        speed: market seconds a real one; 0 freezes.
        set: an instant, epoch milliseconds or ISO.
        advance_ms: milliseconds to go forward.
    """

    frozen: bool | None = None
    speed: float | None = None
    set: int | str | None = None
    advance_ms: int | None = None


class LimitChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /_sim/limits``.

    Attributes:
        weight_limit: weight per minute.
        window: ``minute`` or ``rolling``; changing it forgets what was used.
        reset: forget all clients and their bans.
    """

    weight_limit: int | None = None
    window: Window | None = None
    reset: bool = False


def json_reply(value: Any, status: int = 200) -> web.Response:
    """Return a value as JSON."""
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json"
    )


def local_only(handler: Handler) -> Handler:
    """Wrap a handler so that other machines get a 403, and bad bodies a 400 with the reason."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        remote = request.remote
        if remote is None or not ipaddress.ip_address(remote).is_loopback:
            return json_reply({"error": "only from the same machine"}, 403)
        try:
            return await handler(request)
        except (FaultError, msgspec.DecodeError, ValueError) as error:
            return json_reply({"error": str(error)}, 400)

    return guarded


def _clock_state(exchange: Exchange) -> dict[str, Any]:
    now = exchange.clock.now_ms()
    speed = exchange.clock.speed
    return {"now_ms": now, "now": moment(now).isoformat(), "speed": speed, "frozen": speed == 0}


async def _stats(request: web.Request) -> web.Response:
    exchange = exchange_of(request)
    limiter, now = exchange.limiter, exchange.monotonic()
    seconds = limiter.seconds(now)
    minutes = [
        {"start_s": start, "weight": weight, "share": weight / limiter.limit, "full": full}
        for start, weight, full in limiter.minutes(now)
    ]
    body = {
        "market": exchange.market.market_id,
        "clock": _clock_state(exchange),
        "limit": {"weight": limiter.limit, "window": limiter.window},
        "started_at_s": limiter.epoch_s,
        "weight": {"total": sum(seconds), "seconds": seconds, "minutes": minutes},
        "refused_429": limiter.refused,
        "banned_418": limiter.banned,
        "paths": dict(exchange.paths),
        "statuses": {str(status): count for status, count in exchange.statuses.items()},
        "faults": exchange.faults.listing(),
    }
    return json_reply(body)


async def _list_faults(request: web.Request) -> web.Response:
    return json_reply(exchange_of(request).faults.listing())


async def _set_faults(request: web.Request) -> web.Response:
    faults = parse_faults(await request.read())
    return json_reply({"ids": exchange_of(request).faults.add(faults)})


async def _clear_faults(request: web.Request) -> web.Response:
    number = request.query.get("id")
    removed = exchange_of(request).faults.remove(None if number is None else int(number))
    return json_reply({"removed": removed})


async def _get_clock(request: web.Request) -> web.Response:
    return json_reply(_clock_state(exchange_of(request)))


async def _set_clock(request: web.Request) -> web.Response:
    exchange = exchange_of(request)
    change = msgspec.json.decode(await request.read(), type=ClockChange)
    if change.frozen:
        exchange.clock.run(0)
    elif change.speed is not None or change.frozen is not None:
        exchange.clock.run(1.0 if change.speed is None else change.speed)
    if change.set is not None:
        exchange.clock.set(change.set if isinstance(change.set, int) else iso_ms(change.set))
    if change.advance_ms is not None:
        exchange.clock.advance(change.advance_ms)
    return json_reply(_clock_state(exchange))


async def _set_limits(request: web.Request) -> web.Response:
    limiter = exchange_of(request).limiter
    change = msgspec.json.decode(await request.read(), type=LimitChange)
    if change.weight_limit is not None:
        if change.weight_limit < 1:
            raise ValueError(f"weight_limit {change.weight_limit} is not positive")
        limiter.limit = change.weight_limit
    if change.reset or (change.window is not None and change.window != limiter.window):
        limiter.reset()
    if change.window is not None:
        limiter.window = change.window
    return json_reply({"weight": limiter.limit, "window": limiter.window})


def add_routes(app: web.Application) -> None:
    """Add the admin endpoints."""
    app.router.add_get("/_sim/stats", local_only(_stats))
    app.router.add_get("/_sim/faults", local_only(_list_faults))
    app.router.add_post("/_sim/faults", local_only(_set_faults))
    app.router.add_delete("/_sim/faults", local_only(_clear_faults))
    app.router.add_get("/_sim/clock", local_only(_get_clock))
    app.router.add_post("/_sim/clock", local_only(_set_clock))
    app.router.add_post("/_sim/limits", local_only(_set_limits))
