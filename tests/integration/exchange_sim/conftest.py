"""A running stand-in for the tests of this folder, and a plain HTTP client."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from exchange_sim.testing import RunningExchange, running
from integration.exchange_sim.listener import Listener, wait_for

# A Wednesday long after every listing but one; seeds are fixed so that a failure repeats.
CLOCK = "2026-05-20T10:20:31"
SEED = 42


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Fetch = Callable[..., Reply]


def fetch(
    url: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    source: str | None = None,
    timeout: float = 10,
    **query: object,
) -> Reply:
    """Send one GET; ``source`` is the local address to send it from."""
    target = f"{path}?{urlencode(query)}" if query else path
    address = None if source is None else (source, 0)
    netloc = urlsplit(url).netloc
    connection = http.client.HTTPConnection(netloc, timeout=timeout, source_address=address)
    try:
        connection.request("GET", target, headers=headers or {})
        reply = connection.getresponse()
        lowered = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, lowered, reply.read())
    finally:
        connection.close()


@pytest.fixture(scope="session")
def shared() -> Iterator[RunningExchange]:
    with running(
        seed=SEED, clock=CLOCK, frozen=True, weight_limit=10**6, ping_s=3600, connect_limit=10**6
    ) as exchange:
        yield exchange


@pytest.fixture
def exchange(shared: RunningExchange) -> Iterator[RunningExchange]:
    """The stand-in of this run; faults, streams and clock are put back after each test."""
    yield shared
    shared.clear()
    # A stream that lingers would hear what the next test does, and meet its faults.
    shared.act_on_streams("cut")
    wait_for(lambda: not shared.streams()["connections"])
    shared.set_clock(CLOCK, frozen=True)


@pytest.fixture
def get(exchange: RunningExchange) -> Fetch:
    """GET from the stand-in of this run."""

    def send(path: str, **options: Any) -> Reply:
        return fetch(exchange.url, path, **options)

    return send


@pytest.fixture
def listen(exchange: RunningExchange) -> Iterator[Callable[..., Listener]]:
    """Open streams of the stand-in of this run; they are closed after the test."""
    with ExitStack() as opened:

        def start(path: str, **options: Any) -> Listener:
            return opened.enter_context(Listener(exchange, path, **options))

        yield start


@pytest.fixture
def get_from() -> Fetch:
    """GET from any URL."""
    return fetch
