"""Records the processes of a run, and ends those that a killed run has left behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

# In the environment of every part, and so of everything that a part starts.
RUN_VARIABLE = "CANDLEHOUSE_RUN"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run's processes.

    Attributes:
        run_id: random; in the environment of each process.
        boot: identifies the machine's start; process ids of an earlier start mean nothing.
        leaders: start time of each part by its process id. A part leads a process session.
    """

    run_id: str
    boot: str = field(default_factory=lambda: _boot_id())
    leaders: dict[int, float] = field(default_factory=dict)

    def add(self, pid: int) -> None:
        """Records a part that was just started."""
        with suppress(psutil.NoSuchProcess):
            self.leaders[pid] = _birth(psutil.Process(pid))

    def write(self, path: Path) -> None:
        """Writes the record to a file, atomically."""
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(path)

    def processes(self) -> list[psutil.Process]:
        """Living processes that verifiably belong to the run, without this one."""
        if self.boot != _boot_id():
            return []
        others = (process for process in psutil.process_iter() if process.pid != os.getpid())
        return [process for process in others if self._owns(process)]

    def session(self, leader: int) -> list[psutil.Process]:
        """Living processes of one part: its leader, and other processes of the session."""
        return [process for process in self.processes() if _session_of(process) == leader]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            born = _birth(process)
            if process.pid in self.leaders:
                return born == self.leaders[process.pid]
            return self._in_session(process, born) or self._has_mark(process)
        except (psutil.Error, OSError):
            return False

    def _has_mark(self, process: psutil.Process) -> bool:
        return process.environ().get(RUN_VARIABLE) == self.run_id

    def _in_session(self, process: psutil.Process, born: float) -> bool:
        """For processes that write their title over their environment, as Airflow's do.

        A session's number is given to no other process while a member lives, so
        members of a dead part's session are its children, unless a stranger leads it now.
        """
        leader = _session_of(process)
        if leader not in self.leaders or born < self.leaders[leader]:
            return False
        if not Path(process.exe()).samefile(sys.executable):
            return False
        with suppress(psutil.NoSuchProcess):
            return _birth(psutil.Process(leader)) == self.leaders[leader]
        return True


def read_record(path: Path) -> RunRecord | None:
    """The record of the last run; None if the file is missing or damaged."""
    try:
        record = json.loads(path.read_text())
        leaders = {int(pid): float(born) for pid, born in record["leaders"].items()}
        return RunRecord(str(record["run_id"]), str(record["boot"]), leaders)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def end_leftovers(path: Path, grace_s: float = 10.0) -> int:
    """Ends the processes that the recorded run has left behind; returns their number."""
    record = read_record(path)
    if record is None:
        return 0
    ended = end_processes(record.processes(), grace_s)
    # Processes that a part started while it was ending.
    deadline = time.monotonic() + grace_s
    while (late := record.processes()) and time.monotonic() < deadline:
        ended += end_processes(late, 1)
    path.unlink(missing_ok=True)
    return ended


def end_processes(processes: Iterable[psutil.Process], grace_s: float) -> int:
    """Sends SIGTERM to each, and SIGKILL after `grace_s` seconds; returns how many there were."""
    living = [process for process in processes if _send(process, signal.SIGTERM)]
    _, stubborn = psutil.wait_procs(living, timeout=grace_s)
    for process in stubborn:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=5)
    return len(living)


def _send(process: psutil.Process, number: signal.Signals) -> bool:
    try:
        process.send_signal(number)
    except psutil.Error:
        return False
    return True


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _birth(process: psutil.Process) -> float:
    """Start time of a process, in clock ticks since the machine started.

    A time of day would depend on the clock, which may be adjusted meanwhile.
    """
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text()
    except OSError:
        # No such folder on other systems; a process that is gone raises here.
        return process.create_time()
    # The name in parentheses may hold anything; the start is the 20th field after it.
    return float(stat.rpartition(")")[2].split()[19])


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))
