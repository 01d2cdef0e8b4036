"""A websocket server whose behaviour a test writes down, connection by connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

from candlehouse.core.model import Series

START_MS = 1_704_067_200_000


@dataclass
class Peer:
    """The server's end of one connection.

    Attributes:
        streams: what it is subscribed to, by URL and commands.
        commands: each with the moment of its arrival, in monotonic seconds.
        obeys: whether commands are carried out.
        answer: the reply to a command; None for none.
    """

    socket: ServerConnection
    url_streams: list[str]
    streams: set[str]
    commands: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    obeys: bool = True
    answer: Callable[[dict[str, Any]], object] = field(
        default=lambda command: {"result": None, "id": command["id"]}
    )

    async def send(self, *messages: bytes | str) -> None:
        for message in messages:
            text = message if isinstance(message, bytes) else message.encode()
            await self.socket.send(text, text=True)

    async def hold(self) -> None:
        await self.socket.wait_closed()

    @property
    def is_open(self) -> bool:
        return self.socket.close_code is None and self.socket.state.name == "OPEN"

    async def listen(self) -> None:
        async for text in self.socket:
            command = json.loads(text)
            self.commands.append((time.monotonic(), command))
            if self.obeys and command["method"] == "SUBSCRIBE":
                self.streams.update(command["params"])
            elif self.obeys:
                self.streams.difference_update(command["params"])
            reply = self.answer(command)
            if reply is not None:
                await self.send(json.dumps(reply))


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class ScriptedStream:
    """Connections in their order: each runs the next script, the last one for all after it.

    Attributes:
        refusals: answers to the first upgrades, status and headers, instead of a websocket.
        upgrades: when each upgrade was asked for, in monotonic seconds, refused ones as well.
    """

    scripts: list[Script]
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    upgrades: list[float] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    most_open: int = 0
    url: str = ""

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.upgrades.append(time.monotonic())
        if not self.refusals:
            return None
        status, headers = self.refusals.pop(0)
        return Response(status, "Refused", Headers({**headers, "content-length": "0"}), b"")

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = parse_qs(urlsplit(socket.request.path).query)
        names = query["streams"][0].split("/")
        peer = Peer(socket, names, set(names))
        self.peers.append(peer)
        self.most_open = max(self.most_open, sum(other.is_open for other in self.peers))
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        listening = asyncio.create_task(peer.listen())
        try:
            # The client may leave in the middle of a script.
            with suppress(ConnectionClosed):
                await script(peer)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@asynccontextmanager
async def scripted_stream(
    *scripts: Script, refusals: list[tuple[int, dict[str, str]]] | None = None
) -> AsyncIterator[ScriptedStream]:
    """Serves the scripts on a free port of the loopback."""
    server = ScriptedStream(list(scripts), refusals or [])
    async with serve(
        server.serve,
        "127.0.0.1",
        0,
        process_request=server.refuse,
        compression=None,
        ping_interval=None,
        close_timeout=1,
    ) as running:
        server.url = f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}"
        yield server


def kline(series: Series, slot: int = 0, *, closed: bool = False, **changes: object) -> bytes:
    """A frame of the n-th slot after `START_MS`; `changes` are items of its `k`."""
    length_ms = series.timeframe.length_ms
    opens = START_MS + slot * length_ms
    k = {
        "t": opens, "T": opens + length_ms - 1, "s": series.symbol, "i": series.timeframe.value,
        "f": 100, "L": 200, "o": "42283.58000000", "c": "42298.61000000", "h": "42298.62000000",
        "l": "42261.02000000", "v": "35.92724000", "n": 1327, "x": closed,
        "q": "1519032.43715310", "V": "23.18766000", "Q": "980394.79466920", "B": "0",
    }  # fmt: skip
    event_ms = opens + (length_ms + 2 if closed else 1000)
    data = {"e": "kline", "E": event_ms, "s": series.symbol, "k": {**k, **changes}}
    name = f"{series.symbol.lower()}@kline_{series.timeframe.value}"
    return json.dumps({"stream": name, "data": data}, separators=(",", ":")).encode()


def ticker(symbol: str, price: str = "42298.61000000") -> bytes:
    """A frame of a symbol's prices."""
    data = {
        "e": "24hrMiniTicker", "E": START_MS, "s": symbol, "c": price, "o": "42000.00000000",
        "h": "43000.00000000", "l": "41000.00000000", "v": "1000.00000000",
        "q": "42000000.00000000",
    }  # fmt: skip
    return json.dumps({"stream": f"{symbol.lower()}@miniTicker", "data": data}).encode()


SHUTDOWN = b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1704067200000}}'
