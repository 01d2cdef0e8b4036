"""Supervises the parts of a run: restarts those that die, and ends all of them with the run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from candlehouse.process import dying_with_parent
from candlehouse.stack.leftovers import RUN_VARIABLE, RunRecord, end_processes

_LONGEST_DELAY_S = 60.0
# A part that ran for this long has started well: its next restart has a short delay again.
_SETTLED_S = 60.0
_LOG_BYTES = 20 * 1024 * 1024
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """A program to keep running.

    Attributes:
        name: for log lines and the name of its log file.
        command: program and arguments.
        environment: the whole environment of the process.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass
class _Watched:
    part: Part
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    failures: int = 0
    ending: bool = False


@dataclass
class Supervisor:
    """Starts and supervises the parts of one run.

    Attributes:
        record: processes of the run.
        record_file: file with the record, for the next run if this one is killed.
        logs: folder with one log file per part.
        cwd: working directory of the parts.
        say: called with one line for each part that has ended unexpectedly.
        first_delay_s: seconds before the first restart; doubles each time, up to a minute.
        clock: monotonic seconds.
    """

    record: RunRecord
    record_file: Path
    logs: Path
    cwd: Path
    say: Callable[[str], None]
    first_delay_s: float = 1.0
    clock: Callable[[], float] = time.monotonic
    _watched: list[_Watched] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Starts a part and keeps it running from now on."""
        watched = _Watched(part)
        self._watched.append(watched)
        self._start(watched)

    def tick(self) -> None:
        """Notices parts that have ended, and restarts those that are due; call often."""
        for watched in self._watched:
            if watched.process is not None and watched.process.poll() is not None:
                self._bury(watched, watched.process)
            if watched.process is None and not watched.ending and self.clock() >= watched.start_at:
                self._start(watched)

    def pids(self) -> dict[str, int]:
        """Process ids of the running parts, by name."""
        return {w.part.name: w.process.pid for w in self._watched if w.process is not None}

    def has_died(self, name: str) -> bool:
        """Whether a part is not running now although it should."""
        return any(
            w.part.name == name and (w.process is None or w.process.poll() is not None)
            for w in self._watched
        )

    def trim_logs(self) -> None:
        """Rotates logs larger than 20 MB; one old log per part is kept."""
        for watched in self._watched:
            log = self._log_of(watched.part)
            if log.exists() and log.stat().st_size > _LOG_BYTES:
                # Emptied and not replaced, because the part appends to the open file.
                shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)

    def stop(self, grace_s: float, hurried: Callable[[], bool] = lambda: False) -> None:
        """Ends every part and everything that the parts started.

        Args:
            grace_s: seconds between SIGTERM and SIGKILL.
            hurried: returns whether to kill at once; called meanwhile.
        """
        for watched in self._watched:
            watched.ending = True
            _signal_group(watched.process, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while time.monotonic() < deadline and not hurried():
            if all(w.process is None or w.process.poll() is not None for w in self._watched):
                break
            time.sleep(_POLL_S)
        for watched in self._watched:
            _signal_group(watched.process, signal.SIGKILL)
            if watched.process is not None:
                watched.process.wait()
        end_processes(self.record.processes(), grace_s=1)
        self.record_file.unlink(missing_ok=True)

    def _start(self, watched: _Watched) -> None:
        part = watched.part
        with open(self._log_of(part), "ab") as log:
            watched.process = subprocess.Popen(
                part.command,
                cwd=self.cwd,
                env={**part.environment, RUN_VARIABLE: self.record.run_id},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own session: Ctrl-C reaches only the supervisor, which ends all in order.
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGTERM),
            )
        watched.started_at = self.clock()
        self.record.add(watched.process.pid)
        self.record.write(self.record_file)

    def _bury(self, watched: _Watched, process: subprocess.Popen[bytes]) -> None:
        code = process.returncode
        # Children that outlive their part would write beside those of its successor.
        end_processes(self.record.session(process.pid), grace_s=0.5)
        self.record.leaders.pop(process.pid, None)
        watched.process = None
        settled = self.clock() - watched.started_at > _SETTLED_S
        watched.failures = 1 if settled else watched.failures + 1
        delay = min(_LONGEST_DELAY_S, self.first_delay_s * 2 ** (watched.failures - 1))
        watched.start_at = self.clock() + delay
        name = watched.part.name
        self.say(
            f"{name} ended ({_describe(code)}); starting it again in {delay:g} s"
            f" (log: {self._log_of(watched.part)})"
        )

    def _log_of(self, part: Part) -> Path:
        return self.logs / f"{part.name}.log"


def _signal_group(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    """Signals the process group of a part while the part runs.

    Afterwards, its process id may belong to another process.
    """
    if process is not None and process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
