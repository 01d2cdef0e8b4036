"""``/_sim/streams``: what tests may see of open connections, and do to them."""

from typing import Any, Literal

import msgspec
from aiohttp import web

from exchange_sim.admin import json_reply, local_only
from exchange_sim.stream.connection import POLICY, Connection
from exchange_sim.stream.delivery import SHUTDOWN_S
from exchange_sim.stream.hub import Hub
from exchange_sim.stream.serve import HUB


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /_sim/streams``.

    Attributes:
        action: what happens.
        connection: to which; None for all that are open.
        seconds: of a silence (None: for ever), or between a shutdown's notice and its end.
    """

    action: Literal["cut", "shutdown", "close_1008", "silence"]
    connection: int | None = None
    seconds: float | None = None


def _row(connection: Connection, now: float) -> dict[str, Any]:
    pong = connection.pulse.last_pong
    return {
        "id": connection.number,
        "address": connection.address,
        "path": connection.path,
        "streams": len(connection.names),
        "sent": connection.sent,
        "bytes": connection.sent_bytes,
        "received": connection.received,
        "opened_s": now - connection.opened,
        "last_pong_s": None if pong is None else now - pong,
        "dropped": connection.dropped,
    }


async def _show(request: web.Request) -> web.Response:
    hub = request.app[HUB]
    now = hub.now()
    stats, attempts = hub.stats, hub.attempts
    body = {
        "connections": [_row(connection, now) for connection in hub.connections.values()],
        "opened": stats.opened,
        "attempts": attempts.recent(now),
        "most_attempts": attempts.most,
        "refused": attempts.refused,
        "closed": dict(stats.closed),
        "messages": dict(stats.messages),
        "most_incoming": stats.most_incoming,
    }
    return json_reply(body)


def _apply(hub: Hub, action: Action, connection: Connection) -> None:
    match action.action:
        case "cut":
            connection.cut("cut")
        case "close_1008":
            connection.close(POLICY, "Too many requests", "close_1008")
        case "silence":
            connection.silence(action.seconds)
        case "shutdown":
            hub.shut_down(connection, SHUTDOWN_S if action.seconds is None else action.seconds)


async def _act(request: web.Request) -> web.Response:
    hub = request.app[HUB]
    action = msgspec.json.decode(await request.read(), type=Action)
    if action.seconds is not None and action.seconds < 0:
        raise ValueError("seconds must not be negative")
    if action.connection is None:
        chosen = list(hub.connections.values())
    elif action.connection in hub.connections:
        chosen = [hub.connections[action.connection]]
    else:
        raise ValueError(f"connection {action.connection} is not open")
    for connection in chosen:
        _apply(hub, action, connection)
    return json_reply({"acted": len(chosen)})


def add_control(app: web.Application) -> None:
    """Add the admin endpoints of streams."""
    app.router.add_get("/_sim/streams", local_only(_show))
    app.router.add_post("/_sim/streams", local_only(_act))
