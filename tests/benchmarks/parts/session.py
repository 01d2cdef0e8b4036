"""A whole session on the stand-in: how long messages take to be committed, and hand-overs.

Nothing is left out: the stand-in's streams and REST, validation, healing, confirmation.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil
from sqlalchemy import text

from benchmarks.measuring.results import Options, Result
from benchmarks.parts.throughput import SHARES, find_percentile
from benchmarks.warehouses.servers import TIMESCALE, find_kinds
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.testing import running
from support.servers.live_trial import LiveTrial, live_trial

PART = "session"
COMPARE = "lag p99 ms"
_SEED = 1
_CLOCK = "2026-03-03T09:57:20Z"
_SYMBOLS = 52
# Market time between two updates of a candle: 208 series then bring a thousand a second.
_UPDATE_MS = 208
_SETTLE_S = 15.0
_HISTORY = ("--timeframes", "5m", "--start", "2025-09-01", "--end", "2026-03-01")
_HAND_OVERS = 5
_LOOK_S = 0.01
_LONGEST_GAP_S = 30.0


def run(options: Options) -> Iterator[Result]:
    """Lags without and with a backfill beside, then hand-overs, on every kind of warehouse."""
    for repeat in range(options.repeats):
        for kind in find_kinds():
            with _trial(kind, _UPDATE_MS) as trial:
                yield _measure_lag(trial, kind, repeat, options.throughput_s, backfill=False)
                yield _measure_lag(trial, kind, repeat, options.throughput_s, backfill=True)
            with _trial(kind, None) as trial:
                yield _measure_hand_overs(trial, kind, repeat, killed=True)
                yield _measure_hand_overs(trial, kind, repeat, killed=False)


@contextmanager
def _trial(kind: str, update_ms: int | None) -> Iterator[LiveTrial]:
    with (
        TemporaryDirectory(prefix="candlehouse-bench-") as folder,
        running(seed=_SEED, clock=_CLOCK, kline_update_ms=update_ms) as exchange,
    ):
        listed = SyntheticMarket(_SEED).instruments(exchange.now_ms())
        symbols = [one.symbol for one in listed if one.symbol.endswith("USDT")][:_SYMBOLS]
        with live_trial(Path(folder, "home"), exchange, symbols, kind == TIMESCALE) as trial:
            trial.start_session()
            trial.wait_until(trial.find_start, 60, "somebody writes")
            time.sleep(_SETTLE_S)
            yield trial


def _measure_lag(
    trial: LiveTrial, kind: str, repeat: int, seconds: float, *, backfill: bool
) -> Result:
    beside = "a backfill beside" if backfill else "nothing beside"
    process = psutil.Process(trial.sessions[0].pid)
    history = _start_backfill(trial) if backfill else None
    try:
        before, used_s, began = _read(trial), _cpu_s(process), time.monotonic()
        time.sleep(seconds)
        after, used_s = _read(trial), _cpu_s(process) - used_s
        took_s = time.monotonic() - began
        note = "the backfill was over before" if history and history.poll() is not None else ""
    finally:
        if history is not None:
            history.send_signal(signal.SIGINT)
            history.wait(30)
    lag = Counter(after["lag"])
    lag.subtract(before["lag"])
    figures: dict[str, float | None] = {
        f"lag {name} ms": find_percentile(+lag, share) for name, share in SHARES.items()
    }
    figures["messages/s"] = (after["received"] - before["received"]) / took_s
    figures["closed candles"] = after["closed"] - before["closed"]
    figures["core used %"] = 100 * used_s / took_s
    figures["RSS MB"] = process.memory_info().rss / 1e6
    case = f"{_SYMBOLS * 4} series, about 1,000 messages/s, {beside}"
    return Result(PART, case, kind, repeat, figures, COMPARE, note)


def _start_backfill(trial: LiveTrial) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "candlehouse", "collect", "backward", "--quiet", *_HISTORY]
    return subprocess.Popen(
        command, env=trial.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _read(trial: LiveTrial) -> dict[str, Counter[int] | int]:
    [row] = trial.read(
        "SELECT received, closed_written, COALESCE(lag_ms, '{}') AS lag_ms"
        " FROM market.stream_sessions LEFT JOIN market.stream_lag_histograms USING (session_id)"
        " ORDER BY session_id DESC LIMIT 1"
    )
    lag = Counter({int(bound): count for bound, count in row.lag_ms.items()})
    return {"received": row.received, "closed": row.closed_written, "lag": lag}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _measure_hand_overs(trial: LiveTrial, kind: str, repeat: int, *, killed: bool) -> Result:
    """Ends the writer again and again while another session stands by."""
    gaps_s = []
    for _ in range(_HAND_OVERS):
        trial.start_session()
        trial.wait_until(lambda: len(_find_sessions(trial)) == 2, 60, "somebody stands by")
        time.sleep(2)
        writer = _find_sessions(trial)[0]
        gaps_s.append(_end_writer(trial, writer, signal.SIGKILL if killed else signal.SIGTERM))
    figures: dict[str, float | None] = {
        "median gap ms": 1000 * median(gaps_s),
        "longest gap ms": 1000 * max(gaps_s),
    }
    how = "kill -9 of the writer" if killed else "the writer ends in order"
    case = f"hand-over, {how}, {_HAND_OVERS} times"
    return Result(PART, case, kind, repeat, figures, "median gap ms")


def _find_sessions(trial: LiveTrial) -> list[int]:
    """Processes that stream now, the writer first."""
    rows = trial.read(
        "SELECT worker FROM market.stream_sessions WHERE ended_at IS NULL"
        " AND heartbeat_at > clock_timestamp() - interval '3 seconds' ORDER BY role DESC"
    )
    pids = [int(row.worker.rpartition(":")[2]) for row in rows]
    alive = {process.pid for process in trial.sessions if process.poll() is None}
    return [pid for pid in pids if pid in alive]


def _end_writer(trial: LiveTrial, writer: int, how: signal.Signals) -> float:
    """Seconds from the last message that the writer wrote to the first that the next one did."""
    query = text(
        "SELECT extract(epoch FROM max(updated_at))::float8 AS at,"
        " extract(epoch FROM clock_timestamp())::float8 AS now,"
        " (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        "   AND objid = 7265005 LIMIT 1) AS writer FROM market.live_candles"
    )
    with trial.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        before = last = connection.execute(query).one()
        os.kill(writer, how)
        until = time.monotonic() + _LONGEST_GAP_S
        while True:
            row = connection.execute(query).one()
            if row.writer in (before.writer, None):
                last = row
            elif row.at > last.at:
                break
            assert time.monotonic() < until, "nobody goes on"
            time.sleep(_LOOK_S)
    for process in trial.sessions:
        if process.pid == writer:
            process.wait(30)
    return float(row.at - last.at)
