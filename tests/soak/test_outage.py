"""Minutes without a database: what closes meanwhile is kept on disk and written afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from candlehouse.pipelines.live.writing.spool import find_spools
from candlehouse.storage import embedded
from candlehouse.storage.completeness.coverage import find_differences
from exchange_sim.testing import running
from support.servers.live_trial import LiveTrial, live_trial

SYMBOLS = [
    "BTCUSDT",
    "ETHUSDT",
    "SOLUSDT",
    "XRPUSDT",
    "DOGEUSDT",
    "ADAUSDT",
    "BNBUSDT",
    "LTCUSDT",
    "LINKUSDT",
    "DOTUSDT",
]
CLOCK = "2026-03-03T09:52:40Z"
SPEED = 3
OUTAGE_S = float(os.environ.get("CANDLEHOUSE_OUTAGE_S", "300"))
# Memory that a session may gain while it keeps everything on disk, in bytes.
MOST_GAINED = 32 * 1024 * 1024

pytestmark = [pytest.mark.soak, pytest.mark.timeout(OUTAGE_S + 300)]


def test_nothing_that_closed_without_a_database_is_lost(server_home: Path, tmp_path: Path) -> None:
    with (
        running(seed=1, clock=CLOCK, speed=SPEED) as exchange,
        live_trial(server_home, exchange, SYMBOLS, timescaledb=False) as trial,
    ):
        session = trial.start_session(tmp_path / "session.log")
        trial.wait_until(trial.find_start, 60, "all series are wanted")
        trial.began_ms = trial.find_start() or 0
        time.sleep(20)
        gained = pass_outage(trial, psutil.Process(session.pid))
        until_ms = exchange.now_ms()
        trial.wait_until(lambda: exchange.now_ms() > until_ms + 20_000, 60, "the clock goes on")
        trial.wait_until(lambda: not trial.find_wrong(until_ms), 120, "all candles are right")
        [counted] = trial.read("SELECT spooled, replayed FROM market.stream_sessions")
        print(f"memory gained: {gained / 1e6:.1f} MB; {counted}")
        assert counted.spooled == counted.replayed > len(SYMBOLS) * OUTAGE_S * SPEED / 60 * 0.9
        assert find_spools(trial.settings.home / "spool") == []
        assert gained < MOST_GAINED
        with trial.engine.connect() as connection:
            assert list(find_differences(connection)) == []


def pass_outage(trial: LiveTrial, session: psutil.Process) -> int:
    """Takes the database away for a while.

    Returns:
        Bytes of memory that the session gained meanwhile.
    """
    before = session.memory_info().rss
    embedded.stop(trial.settings)
    time.sleep(OUTAGE_S)
    [spool] = find_spools(trial.settings.home / "spool")
    kept = spool.read_bytes().splitlines()
    print(f"{len(kept)} closed candles on disk, the last one: {msgspec.json.decode(kept[-1])}")
    gained = session.memory_info().rss - before
    embedded.start(trial.settings)
    return gained
