"""Two sessions on a stand-in that misbehaves, while they and their database are killed."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from candlehouse.storage import embedded
from candlehouse.storage.completeness.coverage import find_differences
from exchange_sim.testing import running
from support.seeding import find_seed
from support.servers.live_trial import (
    FRAME_FAULTS,
    LiveTrial,
    audit_writers,
    find_overlapping_writers,
    live_trial,
    seeded,
)

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT")
CLOCK = "2026-03-03T09:55:40Z"
SPEED = 20
# Over the end of an hour, of which the trial of half an hour in make soak has one more.
MARKET_S = 8 * 60
# The two kinds that only closing events have are drawn often enough to be met in that time.
OFTEN = {"never_closed": 0.25, "wrong_close": 0.25}


@pytest.mark.parametrize("kind", ["plain", "timescale"])
def test_every_closed_candle_is_there_exactly_whatever_happened(
    kind: str, server_home: Path, tmp_path: Path
) -> None:
    if kind == "timescale" and not embedded.find_installation().timescaledb:
        pytest.skip("TimescaleDB is not installed beside the embedded server")
    seed = find_seed(2026)
    chance = random.Random(seed)
    faults = [
        {**fault, "probability": OFTEN.get(fault["kind"], fault["probability"])}
        for fault in seeded(FRAME_FAULTS, seed)
    ]
    with (
        running(seed=1, clock=CLOCK, speed=SPEED, weight_limit=100_000, faults=faults) as exchange,
        live_trial(server_home, exchange, SYMBOLS, kind == "timescale") as trial,
    ):
        audit_writers(trial.engine)
        log = tmp_path / "sessions.log"
        for _ in range(2):
            trial.start_session(log)
        trial.wait_until(trial.find_start, 120, "all series are wanted")
        trial.began_ms = trial.find_start() or 0
        until_ms = trial.began_ms + MARKET_S * 1000
        events = ["kill", "kill", "database", "cut", "shutdown", "close_1008", "cut"]
        chance.shuffle(events)
        disturb(trial, events, until_ms, chance, log)
        fired = {fault["kind"]: fault["fired"] for fault in exchange.admin("GET", "faults")}
        print(fired)
        assert min(fired[kind] for kind in ("drop", "malformed", "never_closed", "wrong_close")) > 0
        exchange.clear()
        # A closing event that never came is only missed when the clock has gone on.
        trial.wait_until(lambda: exchange.now_ms() > until_ms + 20_000, 60, "the clock goes on")
        exchange.set_clock(speed=1)
        trial.wait_until(lambda: not trial.find_wrong(until_ms), 60, "all candles are right")
        assert_right(trial, until_ms)


def disturb(
    trial: LiveTrial, events: list[str], until_ms: int, chance: random.Random, log: Path
) -> None:
    """Lets things happen, spread over the time that there is."""
    pause_s = (until_ms - trial.exchange.now_ms()) / 1000 / SPEED / (len(events) + 1)
    for event in events:
        time.sleep(pause_s * chance.uniform(0.8, 1.0))
        print(event)
        if event == "kill":
            pid = trial.find_writer()
            for process in trial.sessions:
                if process.pid == pid:
                    process.kill()
                    process.wait()
                    trial.start_session(log)
        elif event == "database":
            trial.restart_database()
        else:
            trial.exchange.act_on_streams(event, None, 1)


def assert_right(trial: LiveTrial, until_ms: int) -> None:
    assert trial.find_wrong(until_ms) == []
    [early] = trial.read(
        "SELECT count(*) AS candles FROM market.candles"
        " WHERE close_time >= to_timestamp(:now / 1000.0)",
        now=trial.exchange.now_ms(),
    )
    assert early.candles == 0
    assert find_overlapping_writers(trial.engine) == []
    with trial.engine.connect() as connection:
        assert list(find_differences(connection)) == []
    streams = trial.exchange.streams()
    print(streams)
    assert streams["refused"] == 0
    assert streams["most_incoming"] <= 5
