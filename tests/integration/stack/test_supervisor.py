import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from candlehouse.stack.leftovers import RunRecord, end_leftovers, read_record
from candlehouse.stack.supervisor import Part, Supervisor

# A parent and a child, as a scheduler and its task; the child notes its id.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def part(name: str, program: str) -> Part:
    return Part(name, (sys.executable, "-c", program), dict(os.environ))


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    record_file = tmp_path / "run.json"
    supervisor = Supervisor(
        RunRecord("test-run"), record_file, tmp_path, tmp_path, said.append, first_delay_s=0.1
    )
    yield supervisor
    supervisor.stop(grace_s=1)


def test_killed_part_is_restarted_and_its_children_end(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    supervisor.add(part("worker", PARENT))
    log = tmp_path / "worker.log"
    until(lambda: log.exists() and log.read_text().strip())
    first, child = supervisor.pids()["worker"], int(log.read_text())

    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.has_died("worker"))
    supervisor.tick()
    until(lambda: gone(child))
    assert "worker ended (killed by SIGKILL); starting it again in 0.1 s" in said[0]
    assert supervisor.pids() == {}
    time.sleep(0.15)
    supervisor.tick()
    second = supervisor.pids()["worker"]
    assert second != first

    supervisor.stop(grace_s=5)
    assert gone(second)
    assert not (tmp_path / "run.json").exists()


def test_delay_doubles_up_to_a_minute_and_shrinks_after_a_good_run(
    tmp_path: Path, said: list[str]
) -> None:
    now = [0.0]
    supervisor = Supervisor(
        RunRecord("r"), tmp_path / "run.json", tmp_path, tmp_path, said.append, clock=lambda: now[0]
    )
    supervisor.add(part("failing", "raise SystemExit(3)"))
    for _ in range(8):
        until(lambda: supervisor.has_died("failing"))
        supervisor.tick()
        now[0] += 60
        supervisor.tick()
    delays = [float(line.split(" again in ")[1].split(" s")[0]) for line in said]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    assert "exit code 3" in said[0]
    until(lambda: supervisor.has_died("failing"))
    now[0] += 61
    supervisor.tick()
    assert "again in 1 s" in said[-1]
    supervisor.stop(grace_s=1)


def test_part_that_ignores_the_request_to_end_is_killed(supervisor: Supervisor) -> None:
    supervisor.add(part("deaf", DEAF))
    pid = supervisor.pids()["deaf"]
    time.sleep(0.3)
    supervisor.stop(grace_s=0.3)
    assert gone(pid)


def test_large_log_is_put_aside_once(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.add(part("talker", "print('hello', flush=True); import time; time.sleep(60)"))
    log = tmp_path / "talker.log"
    until(lambda: log.exists() and log.read_text())
    supervisor.trim_logs()
    assert log.read_text() == "hello\n"
    monkeypatch.setattr("candlehouse.stack.supervisor._LOG_BYTES", 3)
    supervisor.trim_logs()
    assert log.read_text() == ""
    assert (tmp_path / "talker.log.1").read_text() == "hello\n"


def test_leftovers_of_a_killed_run_are_ended_and_strangers_are_not(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.add(part("worker", PARENT))
    log = tmp_path / "worker.log"
    until(lambda: log.exists() and log.read_text().strip())
    leader, child = supervisor.pids()["worker"], int(log.read_text())
    record_file = tmp_path / "run.json"
    record = read_record(record_file)
    assert record is not None
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        # Its id is in the record, but it was born at another time.
        record.leaders[stranger.pid] = 1.0
        record.write(record_file)
        assert {p.pid for p in record.processes()} == {leader, child}
        assert end_leftovers(record_file) == 2
        assert gone(leader)
        assert gone(child)
        assert stranger.poll() is None
        stranger.kill()
    assert not record_file.exists()


def test_record_of_another_boot_or_a_damaged_one_names_nobody(tmp_path: Path) -> None:
    record_file = tmp_path / "run.json"
    RunRecord("r", boot="another", leaders={os.getppid(): 0.0}).write(record_file)
    assert end_leftovers(record_file) == 0
    record_file.write_text('{"run_id": 1}')
    assert read_record(record_file) is None
    assert end_leftovers(tmp_path / "nothing") == 0
