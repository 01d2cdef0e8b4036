"""What is to be backfilled, the stand-in that has it, and its archive files made ahead."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import candlehouse
from benchmarks.measuring.processes import ALL_CORES, pin, split_cores
from exchange_sim.market.spec import COIN
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.testing import RunningExchange, running

SEED = 1
# Two months after the range: every file of it is published.
CLOCK = "2026-03-03T09:57:20Z"
END = datetime(2026, 1, 1, tzinfo=UTC)
TIMEFRAME = "5m"
# A minute's, so large that nobody ever meets it.
NO_LIMIT = 1_000_000_000
REAL_LIMIT = 6_000
_CACHE_MB = 8_192
_BUILD_S = 600
_REPLY_S = 30.0
PAGE_MS = 1000 * 300_000
# No proxy of the environment stands between a benchmark and its own machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
INCLUDE = str(Path(candlehouse.__file__).parents[1])


@dataclass(frozen=True, slots=True)
class Order:
    """Candles of five minutes that are to be fetched.

    Attributes:
        symbols: such as `BTCUSDT`, in the order of the market.
        start: inclusive, midnight UTC.
        end: exclusive, midnight UTC.
    """

    symbols: tuple[str, ...]
    start: datetime
    end: datetime

    @property
    def start_ms(self) -> int:
        """Start as the exchange has it, epoch milliseconds."""
        return int(self.start.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        """End as the exchange has it, epoch milliseconds."""
        return int(self.end.timestamp() * 1000)

    def __str__(self) -> str:
        return f"{len(self.symbols)} symbols x {TIMEFRAME} x {(self.end - self.start).days} days"


def make_order(symbols: int, days: int) -> Order:
    """The first coins of the market that trade in the whole range, which ends with 2025."""
    start = END - timedelta(days=days)
    market = SyntheticMarket(SEED)
    specs = [market.spec(symbol) for symbol in market.symbols()]
    listed_ms = int(start.timestamp() * 1000)
    chosen = [
        spec.symbol
        for spec in specs
        if (spec.quote, spec.kind, spec.status) == ("USDT", COIN, "TRADING")
        and spec.listed_ms <= listed_ms
        and spec.delisted_ms is None
    ]
    return Order(tuple(chosen[:symbols]), start, END)


@contextmanager
def unpinned() -> Iterator[None]:
    """Whatever is started inside may use every core: a loader and its server run together."""
    pin(ALL_CORES)
    try:
        yield
    finally:
        pin(split_cores()[1])


def prepare_archives(folder: Path, order: Order, trees: Sequence[str]) -> Path:
    """Makes the files of an order once; a later call finds them.

    Returns:
        The folder to serve them from.

    Raises:
        subprocess.CalledProcessError: when they cannot be made.
        subprocess.TimeoutExpired: when that takes too long.
    """
    names = "+".join(trees)
    done = folder / f"{names} {len(order.symbols)} {order.start:%Y-%m-%d}.built"
    if not done.exists():
        options = {
            "--archive-cache": str(folder),
            "--archive-cache-mb": str(_CACHE_MB),
            "--seed": str(SEED),
            "--symbols": ",".join(order.symbols),
            "--intervals": TIMEFRAME,
            "--start": f"{order.start:%Y-%m-%d}",
            # The stand-in's own makes files up to its clock, which nobody asks for.
            "--clock": f"{order.end + timedelta(days=9):%Y-%m-%d}",
            "--trees": ",".join(trees),
        }
        command = [sys.executable, "-m", "exchange_sim.archive_files.build"]
        subprocess.run(
            [*command, *(part for pair in options.items() for part in pair)],
            check=True,
            timeout=_BUILD_S,
            env={**os.environ, "PYTHONPATH": INCLUDE},
            stdout=subprocess.DEVNULL,
        )
        done.touch()
    return folder


def read_months(folder: Path, order: Order) -> Iterator[tuple[str, bytes]]:
    """Symbol and unzipped CSV of each monthly file, symbol by symbol, oldest first."""
    market_id = SyntheticMarket(SEED).market_id
    for symbol in order.symbols:
        home = next(folder.glob(f"*/{market_id}/data/spot/monthly/klines/{symbol}/{TIMEFRAME}"))
        for path in sorted(home.glob("*.zip")):
            month = path.stem.removeprefix(f"{symbol}-{TIMEFRAME}-")
            if f"{order.start:%Y-%m}" <= month < f"{order.end:%Y-%m}":
                with zipfile.ZipFile(path) as file:
                    yield symbol, file.read(f"{path.stem}.csv")


@contextmanager
def exchange_of(archives: Path, weight_limit: int, **options: Any) -> Iterator[RunningExchange]:
    """A stand-in that has the history and the files that were made of it."""
    with running(
        seed=SEED,
        clock=CLOCK,
        weight_limit=weight_limit,
        archive_cache=archives,
        archive_cache_mb=_CACHE_MB,
        **options,
    ) as exchange:
        yield exchange


def warm_up(exchange: RunningExchange, order: Order, weight_limit: int) -> None:
    """Has the stand-in make every page of an order, as far as it keeps them.

    Otherwise whoever comes first would wait for what the others find ready.
    """
    exchange.set_limits(weight_limit=NO_LIMIT)
    for symbol in order.symbols:
        query = f"symbol={symbol}&interval={TIMEFRAME}&limit=1000"
        for start_ms in range(order.start_ms, order.end_ms, PAGE_MS):
            url = f"{exchange.url}/api/v3/klines?{query}&startTime={start_ms}"
            with _OPENER.open(url, timeout=_REPLY_S) as reply:
                reply.read()
    exchange.set_limits(weight_limit=weight_limit, reset=True)
