"""`candlehouse stream` as a person starts and ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from exchange_sim.testing import RunningExchange, running
from support.servers.commands import Command
from support.servers.live_session import Sessions

AS_OF = datetime(2026, 3, 3, tzinfo=UTC)
WRITERS = "SELECT count(*) FROM market.stream_sessions WHERE role = 'writer' AND ended_at IS NULL"


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with running(seed=1, clock="2026-03-03T09:52:40Z", weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def sessions(
    fresh_database: Callable[..., str], exchange: RunningExchange, tmp_path: Path
) -> Iterator[Sessions]:
    sessions = Sessions(fresh_database(), exchange.url, tmp_path)
    yield sessions
    sessions.engine.dispose()


@pytest.fixture
def run(sessions: Sessions, monkeypatch: pytest.MonkeyPatch, command: Command) -> Command:
    """Runs the command in this process; its exit code, output and remarks."""
    for name, value in sessions.environ.items():
        monkeypatch.setenv(name, value)

    return partial(command, "stream")


def start(sessions: Sessions, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "candlehouse", "stream", *arguments],
        env={**os.environ, **sessions.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def wait_for_writer(sessions: Sessions, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while sessions.read(WRITERS) != [(1,)]:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_in_order(sessions: Sessions, number: signal.Signals) -> None:
    sessions.choose(AS_OF, "BTC")
    with start(sessions, "--quiet", "--timeframes", "1m") as process:
        try:
            wait_for_writer(sessions, process)
            process.send_signal(number)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "streaming ended: stopped\n")
    assert sessions.read("SELECT end_reason FROM market.stream_sessions") == [("stopped",)]


def test_switch_ends_what_runs_and_what_is_started_later(
    sessions: Sessions, run: Callable[..., tuple[int, str, str]]
) -> None:
    sessions.choose(AS_OF, "BTC")
    with start(sessions, "--json", "--timeframes", "1m") as process:
        try:
            wait_for_writer(sessions, process)
            assert run("--switch", "off") == (0, "streaming is switched off\n", "")
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, json.loads(out)) == (0, {"ended": "switched off"})
    code, out, _ = run("--timeframes", "1m", "--quiet")
    assert (code, out) == (0, "streaming ended: switched off\n")
    code, out, _ = run("--switch", "on", "--json")
    assert (code, json.loads(out)) == (0, {"streaming": True})


@pytest.mark.parametrize("url", ["https://stream.binance.com", "wss://stream.binance.com:9443/ws"])
def test_bad_stream_url_is_one_line_that_names_the_variable(
    run: Callable[..., tuple[int, str, str]],
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
) -> None:
    sessions.choose(AS_OF, "BTC")
    monkeypatch.setenv("BINANCE_STREAM_URL", url)
    code, out, err = run("--quiet")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "BINANCE_STREAM_URL" in err


def test_empty_universe_is_one_line(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("--quiet")
    assert (code, out) == (1, "")
    assert err == "error: the universe is empty: refresh it first (universe refresh)\n"


def test_symbol_that_does_not_exist_is_refused_before_streaming(
    run: Callable[..., tuple[int, str, str]], sessions: Sessions
) -> None:
    code, out, err = run("--symbols", "BTCUSDT,FOOUSDT", "--quiet")
    assert (code, out) == (2, "")
    assert err == "error: symbols: the exchange has no FOOUSDT\n"
    assert sessions.read("SELECT count(*) FROM market.stream_sessions") == [(0,)]


def test_channels_that_were_asked_for_are_streamed_and_no_others(sessions: Sessions) -> None:
    sessions.choose(AS_OF, "BTC")
    with start(sessions, "--quiet", "--timeframes", "1m", "--channels", "prices") as process:
        try:
            until = time.monotonic() + 60
            while sessions.read("SELECT symbol FROM market.latest_prices") != [("BTCUSDT",)]:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert sessions.read("SELECT count(*) FROM market.live_candles") == [(0,)]


@pytest.mark.parametrize("named", ["ticks", "candles,ticks", "candles, Prices"])
def test_channel_that_does_not_exist_is_refused_with_those_that_do(
    run: Command, named: str
) -> None:
    code, _, remarks = run("--channels", named)

    assert code == 2
    assert "one of candles, prices" in remarks
