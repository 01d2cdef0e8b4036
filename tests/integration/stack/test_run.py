"""The whole run with a real Airflow: started, hurt, and ended without a trace."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg2
import pytest

from candlehouse.cli import main
from candlehouse.settings import load_settings
from candlehouse.storage import embedded

PROGRAM = Path(__file__).with_name("program.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Run:
    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.output = home.with_suffix(".out")
        self.environment = {
            **os.environ,
            "CANDLEHOUSE_HOME": str(home),
            "AIRFLOW_PORT": str(port),
            "EXCHANGE": "sim",
            "SYMBOLS": "BTCUSDT,ETHUSDT",
            # Two workers start faster than twelve.
            "AIRFLOW__CORE__PARALLELISM": "2",
            # Nothing changes: every file is read once.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM)],
                env=self.environment,
                cwd=home.parent,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self.output.read_text()

    def read(self, query: str) -> int:
        """A number from Airflow's own tables."""
        settings = load_settings({"CANDLEHOUSE_HOME": str(self.home)})
        url = embedded.url(settings, "airflow")
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            (number,) = cursor.fetchone() or (0,)
            return int(number)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, word: str) -> psutil.Process | None:
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if word in " ".join(process.cmdline()):
                    return process
        return None

    def is_restarted(self, word: str, before: psutil.Process) -> bool:
        now = self.part(word)
        return now is not None and now.pid != before.pid

    def is_healthy(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(
            f"http://127.0.0.1:{self.port}/api/v2/monitor/health", timeout=5
        ) as answer:
            return answer.read().count(b'"healthy"') == 4


@pytest.fixture
def run(server_home: Path) -> Iterator[Run]:
    run = Run(server_home, free_port())
    yield run
    if run.process.poll() is None:
        run.process.kill()
        run.process.wait()


def test_run_heals_what_dies_and_leaves_nothing_behind(run: Run) -> None:
    until(lambda: "everything runs" in run.text() or run.process.poll() is not None, 120)
    assert run.process.poll() is None, run.text()
    assert run.is_healthy()
    text = run.text()
    assert re.search(r"THE EXCHANGE IS A STAND-IN \(sim:\S+ at http://127\.0\.0\.1:\d+\)", text)
    assert "universe: 2 symbols by settings" in text
    assert re.search(r"user admin, password \S{10,}\)", text)
    assert re.search(r'psql "postgresql://analyst:\S+@127\.0\.0\.1:\d+/candlehouse"', text)
    until(lambda: "nothing is wanted yet" in run.text() or "%: " in run.text(), 15)

    assert run.read("SELECT count(*) FROM slot_pool WHERE pool IN ('collect', 'stream', 'gx')") == 3
    events = "SELECT count(*) FROM asset_event JOIN asset ON asset.id = asset_id"
    until(lambda: run.read(f"{events} WHERE asset.name = 'universe'") > 0, 60)
    # No task began before the api-server answered.
    assert run.read("SELECT count(*) FROM log WHERE event = 'state mismatch'") == 0

    second = subprocess.run(
        [sys.executable, str(PROGRAM)], env=run.environment, capture_output=True, text=True
    )
    assert second.returncode == 1
    assert second.stderr == (
        f"error: {run.home} is in use by another run (process {run.process.pid})\n"
    )

    scheduler, database = run.part("scheduler"), run.part("postgres")
    assert scheduler is not None
    assert database is not None
    scheduler.kill()
    database.kill()
    until(lambda: "scheduler ended (killed by SIGKILL)" in run.text(), 10)
    until(lambda: "the database server ended; starting it again" in run.text(), 20)
    until(lambda: run.is_restarted("postgres", database), 15)
    until(lambda: run.is_restarted("scheduler", scheduler), 15)

    family = run.family()
    assert len(family) > 4
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(30) == 0
    assert "stopped; the data stays in" in run.text()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert "Traceback" not in run.text()
    assert (run.home / "postgres" / "data" / "PG_VERSION").exists()


@pytest.fixture
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANDLEHOUSE_HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("_home")
def test_taken_port_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        monkeypatch.setenv("AIRFLOW_PORT", str(port))
        assert main(["run"]) == 2
    expected = f"error: port {port} of 127.0.0.1 cannot be used (Address already in use): set"
    assert capsys.readouterr().err == f"{expected} AIRFLOW_PORT to another in .env\n"


@pytest.mark.usefixtures("_home")
def test_full_or_forbidden_disk_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("candlehouse.stack.checks._FREE_BYTES", 2**60)
    assert main(["run"]) == 1
    assert re.fullmatch(
        r"error: only \S+ GB are free at \S+, 1073741824 GB are needed; .*\n",
        capsys.readouterr().err,
    )
    monkeypatch.setenv("CANDLEHOUSE_HOME", "/dev/null/home")
    assert main(["run"]) == 1
    assert "error: /dev/null/home cannot be written: Not a directory" in capsys.readouterr().err


@pytest.mark.usefixtures("_home")
def test_bad_value_in_env_file_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Set first, so that what the file sets is undone after the test.
    monkeypatch.setenv("TIMEFRAMES", "")
    monkeypatch.delenv("TIMEFRAMES")
    (tmp_path / ".env").write_text("TIMEFRAMES=1M\n")
    assert main(["run"]) == 2
    assert capsys.readouterr().err.startswith("error: TIMEFRAMES='1M' is not allowed: ")
