"""Airflow's catch-up of two years while its processes and its database are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from candlehouse.settings import Settings, load_settings
from candlehouse.storage import embedded
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange, running
from support.data.tables import Digest, digest_tables
from support.servers.airflow_stack import RunningAirflow, running_airflow

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

CLOCK = "2024-03-01T00:00:00Z"
START = "2022-03-01"
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT"
TIMEFRAMES = "5m,1h"
MONTHS = 24
KILLS = 20
PAUSE_S = (3.0, 12.0)
VICTIM_S = 15.0
LONGEST_S = 1200.0


def test_a_catch_up_that_is_killed_ends_as_one_that_is_not(
    server_home: Path, fresh_database: Callable[..., str]
) -> None:
    seed = int(os.environ.get("CANDLEHOUSE_SEED", random.SystemRandom().randrange(10**6)))
    print(f"CANDLEHOUSE_SEED={seed}")
    with running(clock=CLOCK, frozen=True, weight_limit=1_000_000) as exchange:
        undisturbed = collect_all(fresh_database(), exchange)
        variables = {
            "BINANCE_REST_URL": exchange.url,
            "SYMBOLS": SYMBOLS,
            "TIMEFRAMES": TIMEFRAMES,
            "COLLECTION_START_DATE": START,
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        }
        with running_airflow(server_home, variables) as airflow:
            airflow.unpause("collect_backward")
            kill_at_random(airflow, random.Random(seed))
            wait_for_runs(airflow)
            # What Airflow gave up after its retries is what a person runs again.
            assert collect_all(airflow.warehouse_url, exchange) == undisturbed
    assert undisturbed.candles > MONTHS * 28 * 288


def kill_at_random(airflow: RunningAirflow, chance: random.Random) -> None:
    """Kills a part, a task or the database, again and again, while the months run."""
    for number in range(KILLS):
        pause = time.monotonic() + chance.uniform(*PAUSE_S)
        while time.monotonic() < pause:
            keep_running(airflow)
            time.sleep(0.2)
        what = chance.choice(["task", "task", "scheduler", "database"])
        pid = await_victim(airflow, what, chance)
        print(f"kill {number + 1}: {what} {pid}")
        os.kill(pid, signal.SIGKILL)


def await_victim(airflow: RunningAirflow, what: str, chance: random.Random) -> int:
    """A process of the kind named as soon as there is one; of another when there is none."""
    until = time.monotonic() + VICTIM_S
    while True:
        keep_running(airflow)
        kinds = [what] if time.monotonic() < until else ["task", "scheduler", "database"]
        for kind in kinds:
            if (pid := find_victim(airflow, kind, chance)) is not None:
                return pid
        time.sleep(0.1)


def find_victim(airflow: RunningAirflow, what: str, chance: random.Random) -> int | None:
    """A process of the kind named, None when there is none at the moment."""
    if what == "database":
        running_server = embedded.status(_settings(airflow))
        return None if running_server is None else running_server.pid
    schedulers = [
        process
        for process in psutil.Process().children()
        if "scheduler" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    ]
    if what == "scheduler":
        return schedulers[0].pid if schedulers else None
    tasks = [task for scheduler in schedulers for task in scheduler.children(recursive=True)]
    return chance.choice(tasks).pid if tasks else None


def keep_running(airflow: RunningAirflow) -> None:
    """What `make run` does: starts again whatever has died."""
    embedded.start(_settings(airflow))
    airflow.supervisor.tick()


def wait_for_runs(airflow: RunningAirflow) -> None:
    """Until no month is running or still to come."""
    until = time.monotonic() + LONGEST_S
    while True:
        keep_running(airflow)
        runs = airflow.count_runs("collect_backward", CLOCK)
        if runs["success"] + runs["failed"] >= MONTHS:
            print(f"runs: {dict(runs)}")
            return
        assert time.monotonic() < until, airflow.describe()
        time.sleep(1)


def collect_all(url: str, exchange: RunningExchange) -> Digest:
    """Collects the whole range from a terminal; what the warehouse has then."""
    command = [sys.executable, "-m", "candlehouse", "collect", "backward", "--quiet"]
    options = ["--symbols", SYMBOLS, "--timeframes", TIMEFRAMES, "--start", START, "--end", CLOCK]
    environ = {**os.environ, "CANDLEHOUSE_DATABASE_URL": url, "BINANCE_REST_URL": exchange.url}
    subprocess.run([*command, *options], env=environ, check=True, timeout=300)
    engine = connect(url)
    try:
        with engine.connect() as connection:
            assert list(find_differences(connection)) == []
        return digest_tables(engine)
    finally:
        engine.dispose()


def _settings(airflow: RunningAirflow) -> Settings:
    return load_settings({"CANDLEHOUSE_HOME": str(airflow.home), "CANDLEHOUSE_TIMESCALEDB": "off"})
