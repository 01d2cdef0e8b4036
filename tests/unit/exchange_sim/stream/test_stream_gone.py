"""A client that has gone must not keep the others from hearing anything."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvloop
from aiohttp import web

from exchange_sim.stream.connection import Connection, StreamStats, Wire
from exchange_sim.stream.events import Form
from exchange_sim.stream_options import StreamOptions
from exchange_sim.websocket.pulse import Pulse


class _Accepting(asyncio.Protocol):
    def __init__(self) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.opened.set_result(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_sending_to_a_client_that_has_gone_is_nothing(make_loop: Any) -> None:
    async def send_after_the_end() -> None:
        protocol = _Accepting()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: protocol, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        transport = await protocol.opened
        request = SimpleNamespace(remote="127.0.0.1", path="/stream")
        wire = Wire(cast(web.WebSocketResponse, None), transport, 1000)
        connection = Connection(
            1, cast(web.Request, request), Form(False, True), wire, Pulse(StreamOptions(), 0),
            StreamStats(),
        )  # fmt: skip
        connection.send(b"before", "kline")
        transport.abort()
        await protocol.lost.wait()

        # Its handler has not heard of that yet.
        try:
            assert connection.is_open
            connection.send(b"after", "kline")
            assert connection.sent == 1
        finally:
            writer.close()
            server.close()

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(send_after_the_end())
