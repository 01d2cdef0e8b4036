"""A tiny HTTP server whose answers a test writes down, each with its own fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Reply:
    """One answer; `cut` ends the connection in the middle, `delay_s` comes before it."""

    body: object = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    cut: bool = False


@dataclass
class ScriptedExchange:
    """Records requests and answers them: by path, else with the next of `replies`."""

    replies: list[Reply] = field(default_factory=list)
    by_path: dict[str, Reply] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        reply = self.by_path.get(request.path) or self.replies.pop(0)
        await asyncio.sleep(reply.delay_s)
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        headers = {"content-type": reply.content_type, **reply.headers}
        if not reply.cut:
            return web.Response(status=reply.status, text=text, headers=headers)
        headers["content-length"] = str(len(text) + 100)
        response = web.StreamResponse(status=reply.status, headers=headers)
        await response.prepare(request)
        await response.write(text.encode())
        assert request.transport is not None
        request.transport.close()
        return response


@asynccontextmanager
async def scripted(
    *replies: Reply, by_path: dict[str, Reply] | None = None
) -> AsyncIterator[ScriptedExchange]:
    """Serves the replies on a free port of the loopback."""
    exchange = ScriptedExchange(list(replies), by_path or {})
    app = web.Application()
    app.router.add_get("/{path:.*}", exchange.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    exchange.url = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield exchange
    finally:
        await runner.cleanup()
