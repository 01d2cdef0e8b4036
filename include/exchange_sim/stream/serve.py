"""``/ws`` and ``/stream``: letting clients in, and listening to what they say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import WSMessage, WSMsgType, web

from exchange_sim.error_replies import error_response
from exchange_sim.rest.units import is_microseconds
from exchange_sim.state import exchange_of
from exchange_sim.stream.connection import POLICY, Connection
from exchange_sim.stream.events import Form
from exchange_sim.stream.hub import MOST_STREAMS, Hub
from exchange_sim.websocket.commands import Command, CommandError, parse_command
from exchange_sim.websocket.frames import encode_frame
from exchange_sim.websocket.names import split_names

HUB = web.AppKey("hub", Hub)
# How long a client may take over its side of an orderly end.
_CLOSE_S = 2.0
_LONGEST_COMMAND = 1 << 20


def turned_away(request: web.Request) -> web.Response | None:
    """Count an attempt to connect; return the refusal if its address must not come in."""
    exchange, hub, address = exchange_of(request), request.app[HUB], request.remote or ""
    now = exchange.monotonic()
    wait = hub.attempts.admit(address, now)
    if wait:
        return _refusal(429, "Too many connection attempts.", wait)
    ban = exchange.limiter.ban_left_s(address, now)
    if not ban:
        return None
    hub.attempts.refused += 1
    until = exchange.limiter.banned_until_epoch_ms(address)
    return _refusal(418, f"Way too many requests; IP banned until {until}.", ban)


def _refusal(status: int, text: str, wait_s: int) -> web.Response:
    return error_response(-1003, text, status, {"Retry-After": str(wait_s)})


async def raw(request: web.Request) -> web.StreamResponse:
    """Serve ``/ws/<stream>/<stream>``."""
    return await _serve(request, request.match_info.get("streams", ""), combined=False)


async def combined(request: web.Request) -> web.StreamResponse:
    """Serve ``/stream?streams=<stream>/<stream>``."""
    return await _serve(request, request.query.get("streams", ""), combined=True)


async def _serve(request: web.Request, streams: str, *, combined: bool) -> web.StreamResponse:
    names = split_names(streams)
    if len(names) > MOST_STREAMS:
        return error_response(-1101, f"Too many streams; at most {MOST_STREAMS}.", 400)
    form = Form(is_microseconds(request.query.get("timeUnit")), combined)
    socket = web.WebSocketResponse(
        timeout=_CLOSE_S, autoping=False, autoclose=False, compress=False,
        max_msg_size=_LONGEST_COMMAND,
    )  # fmt: skip
    await socket.prepare(request)
    hub = request.app[HUB]
    connection = hub.open(request, socket, form)
    if connection is None:
        return socket
    hub.subscribe(connection, names)
    keeper = asyncio.create_task(connection.keep())
    try:
        await _listen(hub, connection, socket)
    finally:
        keeper.cancel()
        hub.drop(connection)
    await connection.closed()
    return socket


async def _listen(hub: Hub, connection: Connection, socket: web.WebSocketResponse) -> None:
    """Take what the client sends until either side is through."""
    while connection.is_open:
        message = await socket.receive()
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                if connection.count_incoming():
                    _obey(hub, connection, message)
            case WSMsgType.PING:
                if connection.count_incoming():
                    connection.answer_ping(bytes(message.data))
            case WSMsgType.PONG:
                connection.count_incoming()
                connection.pulse.ponged(bytes(message.data), hub.now())
            case WSMsgType.CLOSE:
                await _part(connection, socket, message)
                return
            case _:
                return


async def _part(connection: Connection, socket: web.WebSocketResponse, message: WSMessage) -> None:
    """Answer the client's goodbye; a silent connection leaves it waiting."""
    await connection.outlast_silence()
    if connection.is_open:
        connection.reason = "client"
        await socket.close(code=message.data or 1000, drain=False)


def _obey(hub: Hub, connection: Connection, message: WSMessage) -> None:
    """Carry out a command and answer it."""
    text = message.data.encode() if isinstance(message.data, str) else bytes(message.data)
    try:
        command = parse_command(text)
    except CommandError as error:
        connection.send(encode_frame(error.reply()), "error")
        return
    match command.method:
        case "SUBSCRIBE":
            if not hub.subscribe(connection, command.names):
                connection.close(POLICY, "Too many streams", "too_many_streams")
        case "UNSUBSCRIBE":
            hub.unsubscribe(connection, command.names)
        case "SET_PROPERTY":
            connection.form = Form(connection.form.micro, command.combined)
    connection.send(encode_frame(command.reply(_result(connection, command))), "reply")


def _result(connection: Connection, command: Command) -> list[str] | bool | None:
    if command.method == "LIST_SUBSCRIPTIONS":
        return list(connection.names)
    return connection.form.combined if command.method == "GET_PROPERTY" else None


async def _run(app: web.Application) -> AsyncIterator[None]:
    """Let streams speak as long as the application runs."""
    task = asyncio.create_task(app[HUB].pump.run())
    task.add_done_callback(_report)
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _report(task: asyncio.Task[None]) -> None:
    """Say at once, not at the end, that streams have fallen silent by a mistake of ours."""
    if not task.cancelled() and task.exception() is not None:
        task.get_loop().call_exception_handler(
            {"message": "streams have stopped", "exception": task.exception(), "task": task}
        )


async def _hang_up(app: web.Application) -> None:
    for connection in list(app[HUB].connections.values()):
        connection.cut("stopped")


def add_streams(app: web.Application, hub: Hub) -> None:
    """Add the websocket endpoints and the task behind them."""
    app[HUB] = hub
    app.router.add_get("/ws", raw, allow_head=False)
    app.router.add_get("/ws/{streams:.*}", raw, allow_head=False)
    app.router.add_get("/stream", combined, allow_head=False)
    app.cleanup_ctx.append(_run)
    app.on_shutdown.append(_hang_up)
