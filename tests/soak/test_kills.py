"""Processes and servers are killed at random moments; the end is as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Engine

from candlehouse.settings import Settings, load_settings
from candlehouse.storage import embedded
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import migrate
from exchange_sim.testing import RunningExchange, running
from support.data.tables import Digest, digest_tables

CLOCK = "2026-11-01T00:00:00Z"
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,DOGEUSDT,ADAUSDT"


@pytest.fixture
def exchange() -> Iterator[RunningExchange]:
    with running(clock=CLOCK, frozen=True, weight_limit=1_000_000) as exchange:
        yield exchange


@pytest.fixture
def settings() -> Iterator[Settings]:
    # Durable as for people, unlike the server that other tests share.
    with TemporaryDirectory(prefix="candlehouse-") as home:
        settings = load_settings({"CANDLEHOUSE_HOME": home})
        yield settings
        embedded.stop(settings)


class Warehouse:
    """A database on a server of its own, and processes that collect into it."""

    def __init__(self, settings: Settings, database: str, exchange: RunningExchange) -> None:
        self.settings = settings
        self.database = database
        self.exchange = exchange
        server = self.start()
        with embedded.superuser(server.places.sockets, server.port, "postgres") as connection:
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {database} OWNER candlehouse")
        if server.timescaledb is not None:
            with embedded.superuser(server.places.sockets, server.port, database) as connection:
                connection.cursor().execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        migrate(self.url)

    def start(self) -> embedded.Server:
        return embedded.start(self.settings)

    @property
    def url(self) -> str:
        return self.start().url("owner", self.database)

    def collect(self, days: int) -> subprocess.Popen[bytes]:
        environ = {
            **os.environ,
            "CANDLEHOUSE_DATABASE_URL": self.url,
            "BINANCE_REST_URL": self.exchange.url,
            "RETRY_DELAY": "0.1",
        }
        start = f"2026-{11 - days // 30:02d}-01"
        arguments = ["collect", "backward", "--symbols", SYMBOLS, "--timeframes", "5m,1h"]
        return subprocess.Popen(
            [sys.executable, "-m", "candlehouse", *arguments, "--start", start, "--end", CLOCK],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def finish(self, days: int) -> Digest:
        process = self.collect(days)
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors.decode()
        engine = connect(self.url)
        try:
            return _checked_digest(engine)
        finally:
            engine.dispose()


def _checked_digest(engine: Engine) -> Digest:
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []
    return digest_tables(engine)


def kill_at_random(warehouse: Warehouse, days: int, kills: int, chance: random.Random) -> None:
    """Starts collecting again and again, and kills the process or its database meanwhile."""
    longest = _duration(warehouse, days)
    for number in range(kills):
        process = warehouse.collect(days)
        time.sleep(chance.uniform(0.3, longest))
        victim = chance.choice(["collector", "database"])
        print(f"kill {number + 1}: {victim}")
        if victim == "database":
            os.kill(warehouse.start().pid, signal.SIGKILL)
            # It must end by itself with one line, whatever it was doing.
            _, errors = process.communicate(timeout=120)
            assert b"Traceback" not in errors
        else:
            process.kill()
            process.communicate()


def _duration(warehouse: Warehouse, days: int) -> float:
    """About as long as a collector needs to start and to collect everything."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "candlehouse", "status"],
        env={**os.environ, "CANDLEHOUSE_DATABASE_URL": warehouse.url},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return 2 * (time.monotonic() - began) + days / 20


@pytest.mark.parametrize(
    ("days", "kills"),
    [(30, 4), pytest.param(120, 20, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_a_backfill_that_is_killed_ends_as_one_that_is_not(
    settings: Settings, exchange: RunningExchange, days: int, kills: int
) -> None:
    seed = int(os.environ.get("CANDLEHOUSE_SEED", random.SystemRandom().randrange(10**6)))
    print(f"CANDLEHOUSE_SEED={seed}")
    undisturbed = Warehouse(settings, "undisturbed", exchange).finish(days)
    killed = Warehouse(settings, "killed", exchange)
    kill_at_random(killed, days, kills, random.Random(seed))
    assert killed.finish(days) == undisturbed
    assert undisturbed.candles > 0
    before = killed.finish(days)
    assert before == undisturbed, "running again changes nothing"
