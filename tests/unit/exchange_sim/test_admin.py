"""The admin interface is for the same machine only."""

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from exchange_sim.admin import local_only


async def _answer(request: web.Request) -> web.StreamResponse:
    return web.Response(text="yes")


async def _choke(request: web.Request) -> web.StreamResponse:
    raise ValueError("no such speed")


def _call(remote: str | None, handler: object = _answer) -> web.Response:
    request = make_mocked_request("GET", "/_sim/stats").clone(remote=remote or "")
    reply = asyncio.run(local_only(handler)(request))  # type: ignore[arg-type]
    assert isinstance(reply, web.Response)
    return reply


@pytest.mark.parametrize(
    ("remote", "status"), [("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("10.0.0.7", 403)]
)
def test_only_loopback_addresses_are_let_in(remote: str, status: int) -> None:
    assert _call(remote).status == status


def test_a_bad_request_is_a_400_with_the_reason() -> None:
    reply = _call("127.0.0.1", _choke)
    assert reply.status == 400
    assert json.loads(reply.body or b"") == {"error": "no such speed"}  # type: ignore[arg-type]
