"""Four processes share the exchange's limit: all of it is used and none of it is broken.

    python tests/acceptance/four_processes.py

Loads 52 symbols x 5m x 600 days (about 18,000 weight) at a frozen market clock, by four
processes at once, from a stand-in that enforces 6000 weight: once by clock minute, once by
rolling window. Then one process loads the same, and the tables must be identical. Prints
the weight used in every minute; exits 1 when anything is not as it must be. Takes about
twelve minutes, most of them waiting for the limit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests")]

from candlehouse.settings import load_settings  # noqa: E402
from candlehouse.storage import embedded  # noqa: E402
from candlehouse.storage.database.engine import connect  # noqa: E402
from candlehouse.storage.schema.migrate import migrate  # noqa: E402
from exchange_sim.testing import RunningExchange, running  # noqa: E402
from support.data.tables import Digest, digest_tables  # noqa: E402  after the path is set

LIMIT, SHARE = 6000, 0.95
CLOCK = "2026-11-01T00:00:00Z"
START, END = "2025-03-11", "2026-11-01"
SYMBOLS = 52
PROCESSES = 4
# More than the load needs at 95% of the limit, so a hang ends the trial.
TIMEOUT_S = 600


@contextmanager
def warehouse(home: Path, database: str) -> Iterator[str]:
    """The owner's URL of a new database on an embedded server in `home`."""
    server = embedded.start(load_settings({"CANDLEHOUSE_HOME": str(home)}), tied=True)
    places = server.places
    with embedded.superuser(places.sockets, server.port, "postgres") as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {database} OWNER candlehouse")
    url = server.url("owner", database)
    migrate(url)
    yield url


def symbols_of(exchange: RunningExchange) -> list[str]:
    """The first 52 pairs that trade against USDT."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{exchange.url}/api/v3/exchangeInfo") as reply:
        info = json.load(reply)
    trading = (one["symbol"] for one in info["symbols"] if one["status"] == "TRADING")
    return sorted(symbol for symbol in trading if symbol.endswith("USDT"))[:SYMBOLS]


def load(url: str, exchange: RunningExchange, groups: list[list[str]]) -> float:
    """Collects each group in a process of its own; seconds until the last is through."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "include"),
        "CANDLEHOUSE_DATABASE_URL": url,
        "BINANCE_REST_URL": exchange.url,
        # All of it by requests: files have no weight.
        "CANDLEHOUSE_ARCHIVES": "off",
        "REQUEST_WEIGHT_SHARE": str(SHARE),
    }
    began = time.monotonic()
    command = [sys.executable, "-m", "candlehouse", "collect", "backward", "--quiet"]
    options = ["--timeframes", "5m", "--start", START, "--end", END]
    processes = [
        subprocess.Popen([*command, *options, "--symbols", ",".join(group)], env=environ)
        for group in groups
    ]
    try:
        for process in processes:
            left = TIMEOUT_S - (time.monotonic() - began)
            if process.wait(timeout=left) != 0:
                raise SystemExit(f"process {process.pid} failed")
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return time.monotonic() - began


def check_limits(stats: dict[str, Any]) -> bool:
    """Prints the weight of every minute; whether all of the share was used and no more."""
    used = [minute for minute in stats["weight"]["minutes"] if minute["weight"]]
    print("  weight by minute:", *(minute["weight"] for minute in used))
    between = [minute["weight"] / (LIMIT * SHARE) for minute in used[1:-1]]
    least = min(between, default=0.0)
    print(f"  least used of the share in a full minute: {least:.1%}")
    print(f"  refused with 429: {stats['refused_429']}, with 418: {stats['banned_418']}")
    return stats["refused_429"] == stats["banned_418"] == 0 and least >= 0.9


def main() -> int:
    """Runs the trial; 0 when everything is as it must be."""
    good = True
    digests: dict[str, Digest] = {}
    with TemporaryDirectory(prefix="candlehouse-") as folder:
        home = Path(folder)
        for name, window, processes in (
            ("by_minute", "minute", PROCESSES),
            ("by_rolling", "rolling", PROCESSES),
            ("single", "rolling", 1),
        ):
            with (
                running(
                    clock=CLOCK, frozen=True, limit_window=window, weight_limit=LIMIT
                ) as exchange,
                warehouse(home, name) as url,
            ):
                symbols = symbols_of(exchange)
                groups = [symbols[at::processes] for at in range(processes)]
                seconds = load(url, exchange, groups)
                engine = connect(url)
                digests[name] = digest_tables(engine)
                engine.dispose()
                candles = digests[name].candles
                print(
                    f"{name}: {processes} processes, {candles:,} candles in {seconds:.0f} s,"
                    f" {candles / seconds:,.0f} candles/s"
                )
                good &= check_limits(exchange.stats())
        embedded.stop(load_settings({"CANDLEHOUSE_HOME": str(home)}))
    same = len(set(digests.values())) == 1
    print("tables are", "identical" if same else "DIFFERENT")
    return 0 if good and same else 1


if __name__ == "__main__":
    raise SystemExit(main())
