"""Peers that fetch history and keep it in memory or in files: how each is run and read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring.processes import Child
from benchmarks.measuring.truth import Difference, Truth
from benchmarks.peers.environments import ensure_environment
from benchmarks.peers.handing import read_rows
from benchmarks.warehouses.orders import Order
from exchange_sim.testing import RunningExchange

_WRITE_S = 300.0


@dataclass(frozen=True, slots=True)
class Got:
    """What a peer brought.

    Attributes:
        seconds: from the start of its process until all was there.
        cpu_s: of its processes until then.
        peak_mb: of its memory, None where it was not looked at.
        difference: of its rows to the truth.
        note: what is to be remarked on this run.
    """

    seconds: float
    cpu_s: float
    peak_mb: float | None
    difference: Difference
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """What a peer is to do.

    Attributes:
        environments: folder of those that are made for peers.
        most_s: after which it is stopped.
    """

    exchange: RunningExchange
    order: Order
    truth: Truth
    environments: Path
    most_s: float


@dataclass(frozen=True, slots=True)
class Peer:
    """Who fetches.

    Attributes:
        fetch_with: does a job with an interpreter; raises `ChildFailed`.
        note: what it does, and does not do.
    """

    name: str
    requirement: str
    fetch_with: Callable[[Job, str], Got]
    note: str

    def prepare(self, job: Job) -> str:
        """Its interpreter, in an environment of its own that is made if it is missing.

        Raises:
            NotInstalled: when it cannot be had.
        """
        return ensure_environment(job.environments, self.requirement)

    def fetch(self, job: Job) -> Got:
        """Does a job from its start to its end.

        Raises:
            ChildFailed: when it does not get there.
        """
        return self.fetch_with(job, self.prepare(job))


def in_memory(module: str, *arguments: str, exact: bool) -> Callable[[Job, str], Got]:
    """A peer that is a module of ours around a library, and keeps rows in memory.

    Args:
        module: that hands its rows over.
        arguments: before the address, symbols, start and end.
        exact: whether it keeps all columns as they were sent; else six, as floats.
    """

    def fetch(job: Job, python: str) -> Got:
        order = job.order
        asked = [job.exchange.url, ",".join(order.symbols), str(order.start_ms), str(order.end_ms)]
        began = time.monotonic()
        with (
            TemporaryDirectory(prefix="candlehouse-bench-") as folder,
            Child(module, [*arguments, *asked], python=python) as child,
        ):
            told = child.expect("got", job.most_s)
            seconds = time.monotonic() - began
            child.tell(folder=folder)
            child.expect("written", _WRITE_S)
            difference = check_folder(Path(folder), job, exact)
        return Got(seconds, told["cpu_s"], told["peak_mb"], difference)

    return fetch


def check_folder(folder: Path, job: Job, exact: bool) -> Difference:
    """Compares the rows that were written there with the truth."""
    total = Difference()
    for symbol in job.order.symbols:
        total += job.truth.check_rows(symbol, read_rows(folder, symbol), exact)
    return total


_CCXT = "ccxt==4.5.90"
_PYTHON_BINANCE = "python-binance==1.0.37"
_NO_DATABASE = "rows stay in memory, no database"
PEERS = (
    Peer(
        "ccxt fetch_ohlcv",
        _CCXT,
        in_memory("benchmarks.peers.history_ccxt", exact=False),
        f"{_CCXT}, asynchronous, symbols side by side, its rate limiter on; floats, six of the"
        f" eleven columns; {_NO_DATABASE}",
    ),
    Peer(
        "python-binance, one symbol after another",
        _PYTHON_BINANCE,
        in_memory("benchmarks.peers.history_python_binance", "apart", exact=True),
        f"{_PYTHON_BINANCE}, get_historical_klines, which sleeps a second after every third"
        f" page; exact text; {_NO_DATABASE}",
    ),
    Peer(
        "python-binance, symbols together",
        _PYTHON_BINANCE,
        in_memory("benchmarks.peers.history_python_binance", "together", exact=True),
        f"{_PYTHON_BINANCE}, AsyncClient and asyncio.gather; sleeps likewise, no rate limiter;"
        f" exact text; {_NO_DATABASE}",
    ),
)
