"""Half an hour of the whole universe, streamed by Airflow while everything is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import DatabaseUnavailable
from candlehouse.settings import Settings, load_settings
from candlehouse.storage import embedded
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange, running
from support.servers.airflow_stack import RunningAirflow, running_airflow
from support.servers.live_trial import (
    FRAME_FAULTS,
    audit_writers,
    find_overlapping_writers,
    find_start,
    find_wrong_candles,
    seeded,
)

CLOCK = "2026-03-03T09:10:00Z"
SPEED = 3
MARKET_SEED = 1
# Wall time: 90 minutes of the market at three times its speed.
LASTS_S = float(os.environ.get("CANDLEHOUSE_SOAK_S", "1800"))
CUTS, TASKS, SUPERVISORS, DATABASES, OTHERS = 100, 16, 4, 3, 12
# Airflow needs minutes to notice that a supervisor was killed.
SUPERVISORS_APART_S = 190.0
SETTLES_S = 300.0
SWITCH = {"on": True, "off": False}[os.environ.get("CANDLEHOUSE_TIMESCALEDB", "on")]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(LASTS_S + 1200)]


@dataclass
class Soak:
    """What runs, and what has happened to it."""

    airflow: RunningAirflow
    exchange: RunningExchange
    engine: Engine
    done: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        switch = "on" if SWITCH else "off"
        home = str(self.airflow.home)
        return load_settings({"CANDLEHOUSE_HOME": home, "CANDLEHOUSE_TIMESCALEDB": switch})

    def keep_running(self) -> None:
        """What `make run` does: starts again whatever has died."""
        embedded.start(self.settings)
        self.airflow.supervisor.tick()

    def find_sessions(self) -> list[int]:
        """Processes that stream now, the writer first."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT worker FROM market.stream_sessions WHERE ended_at IS NULL"
                    " AND heartbeat_at > clock_timestamp() - interval '5 seconds'"
                    " ORDER BY role DESC, session_id DESC"
                )
            )
            pids = [int(row.worker.rpartition(":")[2]) for row in rows]
        return [pid for pid in pids if psutil.pid_exists(pid)]

    def happen(self, event: str) -> None:
        """Does one thing to it."""
        if event == "database":
            running_server = embedded.status(self.settings)
            if running_server is not None:
                os.kill(running_server.pid, signal.SIGKILL)
        elif event in ("task", "supervisor"):
            victim = self.await_session()
            if event == "supervisor":
                victim = psutil.Process(victim).ppid()
            os.kill(victim, signal.SIGKILL)
        else:
            self.exchange.act_on_streams(event, None, 5)
        self.done.append(event)

    def await_session(self) -> int:
        """The writer as soon as there is one."""
        until = time.monotonic() + 60
        while True:
            try:
                if sessions := self.find_sessions():
                    return sessions[0]
            except DatabaseUnavailable:
                pass
            assert time.monotonic() < until, self.airflow.describe()
            self.keep_running()
            time.sleep(0.2)


def plan_events(chance: random.Random) -> list[tuple[float, str]]:
    """When what happens, in seconds from the beginning, ascending."""
    scale = LASTS_S / 1800

    def some(number: int) -> int:
        return max(1, round(number * scale))

    events = [(chance.uniform(20, LASTS_S), "cut") for _ in range(some(CUTS))]
    events += [(chance.uniform(20, LASTS_S), "task") for _ in range(some(TASKS))]
    events += [(chance.uniform(20, LASTS_S), "database") for _ in range(some(DATABASES))]
    events += [
        (chance.uniform(20, LASTS_S), chance.choice(["shutdown", "close_1008", "silence"]))
        for _ in range(some(OTHERS))
    ]
    pause = max(SUPERVISORS_APART_S, LASTS_S / (SUPERVISORS + 1))
    for number in range(1, SUPERVISORS + 1):
        if number * pause < LASTS_S:
            events.append((number * pause, "supervisor"))
    return sorted(events)


def test_live_candles_are_complete_and_exact_whatever_is_killed(server_home: Path) -> None:
    seed = int(os.environ.get("CANDLEHOUSE_SEED", random.SystemRandom().randrange(10**6)))
    print(f"CANDLEHOUSE_SEED={seed}")
    faults = seeded(FRAME_FAULTS, seed)
    with running(seed=MARKET_SEED, clock=CLOCK, speed=SPEED, faults=faults) as exchange:
        variables = {
            "BINANCE_REST_URL": exchange.url,
            "COINGECKO_URL": exchange.coingecko_url,
            "BINANCE_PRODUCTS_URL": exchange.products_url,
            "COLLECTION_START_DATE": "2026-03-03",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        }
        with running_airflow(
            server_home, variables, timescaledb=SWITCH, triggerer=True, durable=True
        ) as airflow:
            engine = connect(airflow.warehouse_url, "soak")
            try:
                carry_out(Soak(airflow, exchange, engine), variables, random.Random(seed))
            finally:
                engine.dispose()


def carry_out(soak: Soak, variables: dict[str, str], chance: random.Random) -> None:
    symbols = prepare(soak, variables)
    wait(soak, lambda: find_start(soak.engine, symbols))
    began_ms = find_start(soak.engine, symbols) or 0
    began = time.monotonic()
    for at, event in plan_events(chance):
        while time.monotonic() - began < at:
            soak.keep_running()
            time.sleep(0.2)
        print(f"{at:7.1f} s {event}", flush=True)
        soak.happen(event)
    until_ms = soak.exchange.now_ms()
    fired = {fault["kind"]: fault["fired"] for fault in soak.exchange.admin("GET", "faults")}
    print(f"faults that were met: {fired}")
    assert min(fired.values()) > 0
    soak.exchange.clear()

    def find_wrong() -> list[str]:
        return find_wrong_candles(soak.engine, MARKET_SEED, symbols, began_ms, until_ms)

    wait(soak, lambda: soak.exchange.now_ms() > until_ms + 20_000)
    wait_for_none(soak, find_wrong)
    # Pausing the DAGs ends their tasks, and none begins again.
    soak.airflow.unpause()
    wait(soak, lambda: not soak.find_sessions())
    check_rest(soak)


def check_rest(soak: Soak) -> None:
    assert find_overlapping_writers(soak.engine) == []
    with soak.engine.connect() as connection:
        assert list(find_differences(connection)) == []
        early = (
            "SELECT count(*) FROM market.candles WHERE close_time >= to_timestamp(:now / 1000.0)"
        )
        assert connection.execute(text(early), {"now": soak.exchange.now_ms()}).scalar() == 0
        rows = connection.execute(
            text("SELECT timeframe, source, count(*) FROM market.candles GROUP BY 1, 2 ORDER BY 1")
        ).all()
        corrections = connection.execute(
            text("SELECT count(*) FROM market.corrections WHERE applied")
        ).scalar()
    streams, stats = soak.exchange.streams(), soak.exchange.stats()
    print(f"candles: {[tuple(row) for row in rows]}, corrections: {corrections}")
    print(f"connections: {streams['opened']} opened, most attempts {streams['most_attempts']}")
    assert streams["refused"] == 0
    assert streams["most_incoming"] <= 5
    assert (stats["refused_429"], stats["banned_418"]) == (0, 0)


def prepare(soak: Soak, variables: dict[str, str]) -> list[str]:
    """Waits until somebody writes; the symbols of the universe."""
    environ = {
        **os.environ,
        **variables,
        "CANDLEHOUSE_HOME": str(soak.airflow.home),
        "CANDLEHOUSE_DATABASE_URL": soak.airflow.warehouse_url,
    }
    command = [sys.executable, "-m", "candlehouse", "universe", "refresh", "--quiet"]
    subprocess.run(command, env=environ, check=True, timeout=120)
    audit_writers(soak.engine)
    soak.airflow.unpause("stream_candles_a", "stream_candles_b")
    wait(soak, lambda: len(soak.find_sessions()) == 2)
    with soak.engine.connect() as connection:
        symbols = connection.execute(text("SELECT DISTINCT symbol FROM market.universe")).scalars()
        return sorted(symbols)


def wait_for_none(soak: Soak, find: Callable[[], list[str]]) -> None:
    """Waits until nothing is found any more; says what is left when that takes too long."""
    until = time.monotonic() + SETTLES_S
    while found := find():
        left = "\n".join([f"{len(found)} are wrong", *found[:20]])
        assert time.monotonic() < until, f"{left}\n{soak.airflow.describe()}"
        soak.keep_running()
        time.sleep(2)


def wait(soak: Soak, condition: Callable[[], object]) -> None:
    until = time.monotonic() + SETTLES_S
    while True:
        try:
            if condition():
                return
        except DatabaseUnavailable:
            pass
        assert time.monotonic() < until, soak.airflow.describe()
        soak.keep_running()
        time.sleep(1)
