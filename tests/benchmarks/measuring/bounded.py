"""Programs that run to their end or to a bound, and the CPU time that they and others took."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import text

from candlehouse.storage.database.engine import connect

_TOLD = 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        seconds: from its start to its end, interpreter included.
        cpu_s: of it and of what it waited for.
        code: it ended with, None when it was stopped at its bound.
        said: on its standard output.
        complaint: the end of its standard error, on one line.
    """

    seconds: float
    cpu_s: float
    code: int | None
    said: str
    complaint: str


def run_bounded(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, most_s: float
) -> Outcome:
    """Runs a program in a folder, and ends it and its children after `most_s` seconds.

    Nobody else's child may end meanwhile: CPU time is that of all children.
    """
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        before_s, began = _children_s(), time.monotonic()
        process = subprocess.Popen(
            command,
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            start_new_session=True,
        )
        stopped = threading.Event()
        timer = threading.Timer(most_s, _stop, (process.pid, stopped))
        timer.start()
        try:
            code = process.wait()
        except BaseException:
            _stop(process.pid, stopped)
            process.wait()
            raise
        finally:
            timer.cancel()
        seconds, used_s = time.monotonic() - began, _children_s() - before_s
        said.seek(0)
        complained.seek(0)
        complaint = " ".join(complained.read().split())[-_TOLD:]
        return Outcome(seconds, used_s, None if stopped.is_set() else code, said.read(), complaint)


def _stop(pid: int, stopped: threading.Event) -> None:
    stopped.set()
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def find_postmaster(url: str) -> tuple[int, str]:
    """The process that all of a server's are children of, and how durable the server is."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            settings = [
                f"{name} {connection.execute(text(f'SHOW {name}')).scalar_one()}"
                for name in ("fsync", "synchronous_commit")
            ]
            return psutil.Process(pid).ppid(), ", ".join(settings)
    finally:
        engine.dispose()


def used_s(pid: int) -> float:
    """CPU seconds so far of a process, its living descendants and those it has waited for."""
    process = psutil.Process(pid)
    while True:
        children = process.children(recursive=True)
        total = sum(map(_own_s, (process, *children)))
        # Who was waited for in between would count twice or not at all.
        if process.children(recursive=True) == children:
            return total


def _own_s(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0
