"""Starting, stopping and misusing the stand-in; its clock; a folder behind it."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from exchange_sim import cli
from exchange_sim.klines.intervals import iso_ms
from exchange_sim.testing import running

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "include")}
COMMAND = [sys.executable, "-m", "exchange_sim"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=20
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--clock", "yesterday"),
        ("--folder", "/no/such/folder"),
        ("--folder", str(Path(__file__).parent)),
        ("--port", "70000"),
        ("--speed", "-1"),
        ("--limit-window", "hourly"),
        ("--fault", '{"kind":"nonsense"}'),
        ("--colour", "red"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = () if "--port" in arguments else ("--port", "0")
    monkeypatch.setattr(sys, "argv", ["exchange_sim", *arguments, *port])
    # It is for a process of its own.
    monkeypatch.setattr(cli, "keep_freed_memory", lambda: True)
    assert cli.main() == 2
    written = capsys.readouterr().err
    assert written.startswith("exchange_sim: ")
    assert written.count("\n") == 1
    assert arguments[-1] in written or arguments[0] in written


def test_wrong_usage_ends_the_process_with_2() -> None:
    done = run("--colour", "red")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_one_line_and_exit_1(exchange: Any) -> None:
    done = run("--port", str(exchange.port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "in use" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly_on_a_signal(number: int, tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--port-file", str(port_file), "--seed", "7"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        port = int(port_file.read_text("ascii"))
        assert line.startswith(f"exchange_sim ready at http://127.0.0.1:{port} market synthetic-7")
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_it_ends_at_once_although_a_request_is_kept_waiting(get_from: Any) -> None:
    with running(seed=1, faults=[{"kind": "timeout"}]) as exchange, pytest.raises(TimeoutError):
        get_from(exchange.url, "/api/v3/ping", timeout=0.2)
    # The fault would keep the request for a minute: the block could not be left in order.
    assert not psutil.pid_exists(exchange.pid)


def test_the_clock_runs_faster_jumps_and_freezes(get_from: Any) -> None:
    with running(seed=1, clock="2024-02-01", speed=1000) as exchange:
        first = get_from(exchange.url, "/api/v3/time").json["serverTime"]
        time.sleep(0.2)
        later = get_from(exchange.url, "/api/v3/time").json["serverTime"]
        assert iso_ms("2024-02-01") <= first < later - 100_000
        at = exchange.set_clock("2024-03-01T12:00:00", frozen=True)
        assert at == iso_ms("2024-03-01T12:00:00")
        assert exchange.set_clock(advance_ms=500) == at + 500
        assert get_from(exchange.url, "/api/v3/time").json["serverTime"] == at + 500
        exchange.set_clock(speed=1.0)
        assert exchange.stats()["clock"]["frozen"] is False


def test_replies_are_compressed_only_if_the_server_was_told_to(
    get_from: Any, exchange: Any
) -> None:
    accepts = {"Accept-Encoding": "gzip"}
    plain = get_from(exchange.url, "/api/v3/exchangeInfo", headers=accepts)
    assert "content-encoding" not in plain.headers
    with running(seed=42, gzip=True, clock="2026-05-20T10:20:31", frozen=True) as other:
        packed = get_from(other.url, "/api/v3/exchangeInfo", headers=accepts)
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.body) < len(plain.body) / 4
        unpacked = json.loads(gzip.decompress(packed.body))
        assert unpacked["symbols"] == plain.json["symbols"]
        assert "content-encoding" not in get_from(other.url, "/api/v3/time").headers


def test_archives_can_be_built_ahead_and_are_then_served(get_from: Any, tmp_path: Path) -> None:
    arguments = ["--archive-cache", str(tmp_path), "--seed", "7", "--symbols", "BTCUSDT,ONDOUSDT"]
    arguments += ["--intervals", "1h", "--start", "2025-02-01", "--clock", "2025-05-10"]
    done = subprocess.run(
        [
            sys.executable, "-m", "exchange_sim.archive_files.build", *arguments,
            "--trees", "monthly",
        ],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    # February to April, and one month less for the symbol listed in March.
    assert done.stdout.startswith("made 5 files of synthetic-7")
    held = {path.name: path.read_bytes() for path in tmp_path.rglob("*.zip")}
    name = "ONDOUSDT-1h-2025-03.zip"
    with running(seed=7, clock="2025-05-10", archive_cache=tmp_path) as exchange:
        served = get_from(exchange.url, f"/data/spot/monthly/klines/ONDOUSDT/1h/{name}")
        assert served.body == held[name]
    with running(seed=7, clock="2025-05-10") as exchange:
        fresh = get_from(exchange.url, f"/data/spot/monthly/klines/ONDOUSDT/1h/{name}")
        assert fresh.body == held[name]


def test_a_stand_in_that_cannot_start_says_why() -> None:
    with (
        pytest.raises(RuntimeError, match="no candle files"),
        running(folder=Path(__file__).parent),
    ):
        pass


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real candles in {DATA}")
def test_a_folder_of_real_files_is_an_exchange(get_from: Any) -> None:
    with running(folder=DATA / "finom_rest_klines_15m_2025Q1" / "ETHUSDT") as exchange:
        assert exchange.market_id.startswith("folder-")
        info = get_from(exchange.url, "/api/v3/exchangeInfo").json["symbols"]
        assert [(row["symbol"], row["baseAsset"], row["status"]) for row in info] == [
            ("ETHUSDT", "ETH", "TRADING")
        ]
        page = get_from(
            exchange.url, "/api/v3/klines", symbol="ETHUSDT", interval="1d",
            startTime=iso_ms("2025-01-01"), limit=1,
        ).json  # fmt: skip
        assert page[0][0] == iso_ms("2025-01-01")
        nothing = get_from(exchange.url, "/api/v3/klines", symbol="ETHUSDT", interval="5m")
        assert nothing.json == []
        assert get_from(exchange.url, "/api/v3/trades", symbol="ETHUSDT").json == []
        assert len(get_from(exchange.url, "/api/v3/ticker/24hr").json) == 1
        caps = get_from(exchange.url, "/coingecko/api/v3/coins/markets", vs_currency="usd")
        assert caps.status == 404
        archive = "/data/spot/monthly/klines/ETHUSDT/1h/ETHUSDT-1h-2025-02.zip"
        assert get_from(exchange.url, archive).status == 200
        exchange.set_clock("2026-02-01")
        info = get_from(exchange.url, "/api/v3/exchangeInfo").json["symbols"]
        assert info[0]["status"] == "BREAK"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real candles in {DATA}")
def test_files_of_six_columns_are_refused_with_the_reason(get_from: Any, tmp_path: Path) -> None:
    shutil.copy(DATA / "ohlcv6_1h_top60_2023H2" / "BTCUSDT_1h.csv", tmp_path)
    with running(folder=tmp_path) as exchange:
        reply = get_from(exchange.url, "/api/v3/klines", symbol="BTCUSDT", interval="1h")
        assert reply.status == 400
        assert "fewer than 12 columns" in reply.json["msg"]
