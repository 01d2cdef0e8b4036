"""Files over real sockets: the stand-in's archive, and servers with faults of their own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from candlehouse.core.errors import (
    ExchangeUnavailable,
    FileMissing,
    MalformedPayload,
    RequestRejected,
    WrongExchange,
)
from candlehouse.core.model import Series
from candlehouse.core.planning.published_files import ArchiveFile, FileAnswer, Tree
from candlehouse.core.retries import Retries
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.archive.source import ArchiveSource
from exchange_sim.testing import RunningExchange, running
from support.exchanges.model_archive import ModelArchive, zipped
from support.exchanges.model_exchange import ModelExchange

BTC = Series("BTCUSDT", Timeframe.H1)
MARCH = ArchiveFile(BTC, Tree.MONTHLY, datetime(2024, 3, 1, tzinfo=UTC))
NEVER = ArchiveFile(Series("NOSUCHUSDT", Timeframe.H1), Tree.MONTHLY, MARCH.start)
LATER = ArchiveFile(BTC, Tree.MONTHLY, datetime(2024, 6, 1, tzinfo=UTC))
CLOCK = "2024-06-15T00:00:00Z"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _no_sleep(_: float) -> None:
    pass


RETRIES = Retries(4, sleep=_no_sleep)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    with running(
        seed=3, clock=CLOCK, frozen=True, archive_cache=tmp_path_factory.mktemp("archive")
    ) as exchange:
        yield exchange


@pytest.fixture
def exchange(shared: RunningExchange) -> Iterator[RunningExchange]:
    yield shared
    shared.clear()


def fetch(url: str, file: ArchiveFile = MARCH, identity: str | None = None) -> FileAnswer:
    async def ask() -> FileAnswer:
        async with ArchiveSource(url, RETRIES, identity=identity) as source:
            return await source.fetch_file(file, file.span)

    return asyncio.run(ask())


def test_a_file_is_what_was_published(exchange: RunningExchange) -> None:
    answer = fetch(exchange.url, identity=f"sim:{exchange.market_id}")
    # The synthetic market has holes of its own.
    assert 700 < answer.rows <= 744
    assert answer.page.count == answer.rows == answer.page.rows.text.count(b"\n")
    assert len(answer.sha256) == 64


@pytest.mark.parametrize("file", [NEVER, LATER])
def test_what_is_not_published_is_missing(exchange: RunningExchange, file: ArchiveFile) -> None:
    with pytest.raises(FileMissing, match="404"):
        fetch(exchange.url, file)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut", "path": "/data/*.zip", "count": 2},
        {"kind": "cut", "path": "/data/*.CHECKSUM", "count": 1},
        {"kind": "reset", "path": "/data/*", "count": 3},
        {"kind": "503", "path": "/data/*", "count": 3},
        {"kind": "bad_checksum", "count": 2},
        {"kind": "truncated_zip", "count": 1},
        {"kind": "empty", "path": "/data/*.zip", "count": 1},
        {"kind": "html", "path": "/data/*.CHECKSUM", "count": 1},
    ],
)
def test_what_goes_wrong_for_a_moment_is_got_over(
    exchange: RunningExchange, fault: dict[str, object]
) -> None:
    right = fetch(exchange.url)
    exchange.set_faults(fault)
    assert fetch(exchange.url) == right
    assert exchange.stats()["faults"][0]["fired"] == fault["count"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("bad_checksum", MalformedPayload),
        ("truncated_zip", MalformedPayload),
        ("missing", FileMissing),
        ("500", ExchangeUnavailable),
        ("reset", ExchangeUnavailable),
        ("403", RequestRejected),
        ("451", RequestRejected),
    ],
)
def test_what_stays_wrong_says_how(
    exchange: RunningExchange, kind: str, error: type[Exception]
) -> None:
    path = {} if kind in ("bad_checksum", "truncated_zip") else {"path": "/data/*"}
    exchange.set_faults({"kind": kind, **path})
    with pytest.raises(error):
        fetch(exchange.url)


def test_another_exchanges_files_are_not_taken(exchange: RunningExchange) -> None:
    for identity in ("binance", "sim:another"):
        with pytest.raises(WrongExchange):
            fetch(exchange.url, identity=identity)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server on a free port of the loopback; its URL."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Breaking:
    """Gives a file in pieces: each answer ends after a third of the whole.

    Attributes:
        ranges: what was asked for, `None` for the whole.
        tag: ETag of the file.
        honours: whether a range is given as it was asked for.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ranges: list[str | None] = []
        self.tag = '"one"'
        self.honours = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith(".CHECKSUM"):
            checksum = hashlib.sha256(self.data).hexdigest()
            return web.Response(text=f"{checksum}  {MARCH.stem}.zip\n")
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        same = request.headers.get("If-Range") == self.tag
        first = int(asked[6:-1]) if asked and same and self.honours else 0
        headers = {"ETag": self.tag, "Content-Length": str(len(self.data) - first)}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(self.data) - 1}/{len(self.data)}"
        response = web.StreamResponse(status=206 if first else 200, headers=headers)
        await response.prepare(request)
        last = len(self.ranges) > 2
        await response.write(self.data[first:] if last else self.piece(first))
        if not last and request.transport is not None:
            request.transport.close()
        return response

    def piece(self, first: int) -> bytes:
        return self.data[first : first + len(self.data) // 3]


@pytest.fixture
def breaking() -> Breaking:
    exchange = ModelExchange(datetime(2024, 6, 1, tzinfo=UTC), {"BTCUSDT": MARCH.start})
    return Breaking(zipped(MARCH, ModelArchive(exchange).text(MARCH)))


def fetch_from(server: Breaking) -> FileAnswer:
    async def ask() -> FileAnswer:
        async with (
            serving(server.answer) as url,
            ArchiveSource(url, RETRIES) as source,
        ):
            return await source.fetch_file(MARCH, MARCH.span)

    return asyncio.run(ask())


def test_a_download_goes_on_where_it_broke(breaking: Breaking) -> None:
    assert fetch_from(breaking).rows == 744
    first, second, third = breaking.ranges
    assert first is None
    assert second is not None
    assert third is not None
    assert 0 < int(second[6:-1]) < int(third[6:-1]) < len(breaking.data)


def test_a_server_that_knows_no_ranges_gives_it_all_again(breaking: Breaking) -> None:
    breaking.honours = False
    assert fetch_from(breaking).rows == 744
    assert len(breaking.ranges) == 3


def test_no_part_of_another_file_is_joined(breaking: Breaking) -> None:
    whole = breaking.answer

    async def replaced(request: web.Request) -> web.StreamResponse:
        if len(breaking.ranges) == 1:
            breaking.tag = '"two"'
        return await whole(request)

    breaking.answer = replaced  # type: ignore[method-assign]
    assert fetch_from(breaking).rows == 744


def test_a_weak_tag_names_no_bytes(breaking: Breaking) -> None:
    breaking.tag = 'W/"one"'
    assert fetch_from(breaking).rows == 744
    assert breaking.ranges == [None, None, None]


def test_a_file_without_an_end_is_not_swallowed(tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        if request.path.endswith(".CHECKSUM"):
            return web.Response(text=f"{'0' * 64}  {MARCH.stem}.zip\n")
        response = web.StreamResponse()
        await response.prepare(request)
        sent = 0
        while sent < 100_000_000:
            await response.write(bytes(1 << 16))
            sent += 1 << 16
        raise AssertionError("all of it was taken")

    async def ask() -> None:
        async with serving(endless) as url, ArchiveSource(url, Retries(1)) as source:
            with pytest.raises(MalformedPayload, match="larger than"):
                await source.fetch_file(MARCH, MARCH.span)

    asyncio.run(ask())


def test_the_checksum_of_another_file_is_none() -> None:
    async def other(request: web.Request) -> web.StreamResponse:
        return web.Response(text=f"{'0' * 64}  {LATER.stem}.zip\n")

    async def ask() -> None:
        async with serving(other) as url, ArchiveSource(url, Retries(1)) as source:
            with pytest.raises(MalformedPayload, match="no checksum"):
                await source.fetch_checksum(MARCH)

    asyncio.run(ask())
