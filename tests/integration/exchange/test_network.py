"""Certificates, proxies and redirects are the same for all that speaks to the outside."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from candlehouse.core.errors import CandlehouseError, ExchangeUnavailable, RequestRejected
from candlehouse.core.model import Series
from candlehouse.core.planning.published_files import ArchiveFile, Tree
from candlehouse.core.retries import Retries
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.archive.source import ArchiveSource
from candlehouse.exchange.binance.http.products import ProductSource
from candlehouse.exchange.binance.http.rest import RestSource
from candlehouse.exchange.binance.stream.client_options import StreamOptions
from candlehouse.exchange.binance.stream.opening import open_socket
from candlehouse.exchange.network import USER_AGENT
from candlehouse.pipelines.venue.probing import probe_exchange
from support.servers.proxy import proxying
from support.servers.tls import Authority, make_authority

ONCE = Retries(attempts=1)
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
             "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")  # fmt: skip
FILE = ArchiveFile(Series("BTCUSDT", Timeframe.H1), Tree.MONTHLY, datetime(2024, 1, 1, tzinfo=UTC))
Reach = Callable[[str], Awaitable[object]]


class FreeBudget:
    """Weight without a limit."""

    async def reserve(self, weight: int) -> int:
        return 0

    async def settle(self, ticket: int, used_weight: int | None) -> None:
        pass

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        pass


async def reach_rest(url: str) -> object:
    async with RestSource(url, FreeBudget(), ONCE) as source:
        return await source.fetch_time()


async def reach_archive(url: str) -> object:
    async with ArchiveSource(url, ONCE) as source:
        return await source.fetch_checksum(FILE)


async def reach_products(url: str) -> object:
    async with ProductSource(url, sleep=lambda _: asyncio.sleep(0)) as source:
        return await source.fetch_products()


async def reach_first(url: str) -> object:
    return await asyncio.to_thread(probe_exchange, url)


async def reach_stream(url: str) -> object:
    socket = await open_socket(f"ws{url.removeprefix('http')}/stream?streams=x", StreamOptions())
    return await socket.close()


REQUESTS = [reach_rest, reach_archive, reach_products, reach_first]
ALL = [*REQUESTS, reach_stream]


@asynccontextmanager
async def serving(context: ssl.SSLContext | None, agents: set[str]) -> AsyncIterator[int]:
    """An exchange that knows an answer to everybody; gives its port."""

    async def answer(request: web.Request) -> web.StreamResponse:
        agents.add(request.headers.get("User-Agent", ""))
        if request.path == "/stream":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for _ in socket:
                pass
            return socket
        if request.path.endswith(".CHECKSUM"):
            return web.Response(text=f"{'0' * 64}  {FILE.stem}.zip\n")
        body = {"serverTime": 1_700_000_000_000, "data": []}
        return web.json_response(body)

    async with _listening(answer, context) as port:
        yield port


@asynccontextmanager
async def _listening(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], context: ssl.SSLContext | None
) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_authority_that_the_environment_names_is_trusted_by_all_and_no_other_is(
    name: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents: set[str] = set()

    async def run() -> None:
        async with serving(authority.server, agents) as port:
            for reach in ALL:
                with pytest.raises(ExchangeUnavailable, match=r"(?i)certificate"):
                    await reach(f"https://localhost:{port}")
            monkeypatch.setenv(name, str(authority.file))
            for reach in ALL:
                await reach(f"https://localhost:{port}")

    asyncio.run(run())
    assert agents == {USER_AGENT}


@pytest.mark.parametrize("is_secure", [True, False])
def test_proxy_that_the_environment_names_is_used_by_all(
    is_secure: bool, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        context = authority.server if is_secure else None
        async with serving(context, set()) as port, proxying() as proxy:
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            monkeypatch.setenv("ALL_PROXY", proxy.url)
            scheme = "https" if is_secure else "http"
            for reach in ALL:
                await reach(f"{scheme}://exchange.test:{port}")
            assert proxy.asked == [f"exchange.test:{port}"] * len(ALL)

    asyncio.run(run())


def test_this_machine_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with serving(None, set()) as port:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, "http://127.0.0.1:1")
            for reach in ALL:
                await reach(f"http://127.0.0.1:{port}")

    asyncio.run(run())


def test_nobody_follows_a_redirect_out_of_tls(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents: set[str] = set()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    async def run() -> None:
        async with serving(None, agents) as plain:

            async def redirect(request: web.Request) -> web.StreamResponse:
                raise web.HTTPFound(f"http://127.0.0.1:{plain}{request.path_qs}")

            async with _listening(redirect, authority.server) as port:
                for reach in ALL:
                    with pytest.raises(CandlehouseError, match=r"https to http|HTTP 302") as failed:
                        await reach(f"https://localhost:{port}")
                    if reach in (reach_archive, reach_products, reach_rest):
                        assert isinstance(failed.value, RequestRejected)

    asyncio.run(run())
    assert agents == set()
