"""Our own commands, each a process of its own, from an empty warehouse on."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from benchmarks.measuring.bounded import Outcome, find_postmaster, run_bounded, used_s
from benchmarks.warehouses.orders import INCLUDE, TIMEFRAME, Order
from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange

COLLECT_S = 900.0
_LOOK_S = 300.0


@dataclass(frozen=True, slots=True)
class Loading:
    """What loading an order into a warehouse took.

    Attributes:
        figures: seconds of each command, and what the server used.
        note: how durable the server is, and what went wrong.
        candles: stored, of each source.
    """

    figures: dict[str, float | None]
    note: str
    candles: dict[str, int]


class Commands:
    """Runs the command line against one stand-in and one warehouse.

    Args:
        exchange: where history comes from.
        url: of the warehouse, its owner's.
        folder: for whatever is kept beside it.
        archives: whether archive files may be used; otherwise REST alone.
    """

    def __init__(
        self, exchange: RunningExchange, url: str, folder: Path, *, archives: bool
    ) -> None:
        self._folder = folder
        home = folder / "collector"
        self._environ = {
            **os.environ,
            "PYTHONPATH": INCLUDE,
            "EXCHANGE": "auto",
            "BINANCE_REST_URL": exchange.url,
            "BINANCE_ARCHIVE_URL": exchange.url,
            "CANDLEHOUSE_DATABASE_URL": url,
            "CANDLEHOUSE_HOME": str(home),
        }
        self._environ.pop("CANDLEHOUSE_ARCHIVES", None)
        if not archives:
            self._environ["CANDLEHOUSE_ARCHIVES"] = "off"

    def run(self, *arguments: str, most_s: float = _LOOK_S) -> Outcome:
        """Runs one command to its end."""
        command = [sys.executable, "-m", "candlehouse", *arguments]
        return run_bounded(command, self._environ, self._folder, most_s)

    def collect(self, order: Order, *more: str) -> Outcome:
        """Runs `collect backward` for the whole of an order."""
        return self.run(
            "collect",
            "backward",
            f"--symbols={','.join(order.symbols)}",
            f"--timeframes={TIMEFRAME}",
            f"--start={order.start:%Y-%m-%d}",
            f"--end={order.end:%Y-%m-%d}",
            *more,
            most_s=COLLECT_S,
        )


def load(commands: Commands, url: str, order: Order, *, plan: bool = False) -> Loading:
    """Plans if asked to, then loads, verifies and tells the status, each timed apart."""
    postmaster, durable = find_postmaster(url)
    figures: dict[str, float | None] = {}
    troubles = []
    if plan:
        planned = commands.collect(order, "--plan", "--json")
        figures["plan s"] = planned.seconds
        troubles += _trouble("plan", planned)
    server_s = used_s(postmaster)
    loaded = commands.collect(order, "--quiet")
    server_s = used_s(postmaster) - server_s
    engine = connect(url)
    try:
        candles = count_sources(engine)
    finally:
        engine.dispose()
    stored = sum(candles.values())
    figures |= {
        # Half a load is no faster one: what failed is not compared.
        "seconds": loaded.seconds if loaded.code == 0 else None,
        "candles/s": stored / loaded.seconds if loaded.code == 0 else None,
        "CPU s": loaded.cpu_s,
        "CPU s of the database": server_s,
    }
    verified = commands.run("verify", "--json")
    shown = commands.run("status", "--json")
    figures |= {"verify s": verified.seconds, "status s": shown.seconds}
    troubles += _trouble("collect", loaded) + _trouble("verify", verified)
    troubles += _trouble("status", shown)
    return Loading(figures, "; ".join([durable, *troubles]), candles)


def count_sources(engine: Engine) -> dict[str, int]:
    """How many candles came from each source."""
    query = f"SELECT source, count(*) FROM market.candles_{TIMEFRAME} GROUP BY source"
    with engine.connect() as connection:
        return {source: int(count) for source, count in connection.execute(text(query))}


def _trouble(name: str, outcome: Outcome) -> list[str]:
    if outcome.code == 0:
        return []
    how = "stopped at its bound" if outcome.code is None else f"ended with {outcome.code}"
    return [f"{name} {how}: {outcome.complaint or outcome.said[-200:]}"]
