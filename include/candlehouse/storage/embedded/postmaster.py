"""Finds the server's main process, and distinguishes it from another process with the same id."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import psutil

from candlehouse.process import find_process, reap
from candlehouse.storage.embedded.places import Places

_log = logging.getLogger(__name__)

_POLL_S = 0.02


def find_running(places: Places) -> tuple[int, int] | None:
    """Process id and port of this folder's server, if it runs and accepts connections."""
    pid_file = places.data / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return None
    if len(lines) < 8 or lines[7].strip() not in ("ready", "standby"):
        return None
    pid, port = int(lines[0]), int(lines[3])
    return (pid, port) if is_server(pid, places.data) else None


def is_server(pid: int, data: Path) -> bool:
    """Whether the process is a postmaster on the folder; ids are reused after a reboot."""
    process = find_process(pid)
    try:
        return (
            process is not None
            and process.name() == "postgres"
            and Path(process.cwd()).samefile(data)
        )
    except (psutil.Error, OSError):
        return False


def await_shutdown(places: Places, timeout_s: float) -> None:
    """Waits for a server that is still shutting down, for example after a killed run."""
    pid = _recorded_pid(places)
    process = find_process(pid) if pid is not None and is_server(pid, places.data) else None
    if process is not None and find_running(places) is None:
        wait_gone(process, timeout_s)


def remove_stale_pid_file(places: Places) -> None:
    """Removes the pid file of a dead server whose process id is in use again.

    PostgreSQL itself ignores a pid file only when no process has its id. A killed server whose
    parent has not reaped it still has its id. Backends of a killed server that still live are
    detected by their shared memory, whose key does not depend on these files.
    """
    pid_file = places.data / "postmaster.pid"
    pid = _recorded_pid(places)
    if pid is None:
        return
    reap(pid)
    if psutil.pid_exists(pid) and not is_server(pid, places.data):
        _log.warning("removing the pid file of a server that has ended: %s", pid_file)
        pid_file.unlink()
        # No other server uses this folder of sockets.
        for lock in places.sockets.glob(".s.PGSQL.*"):
            lock.unlink(missing_ok=True)


def _recorded_pid(places: Places) -> int | None:
    try:
        return int((places.data / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def wait_gone(process: psutil.Process, timeout_s: float) -> bool:
    """Waits for the end of a process; False if it still lives after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        # A child of this process has to be reaped here.
        reap(process.pid)
        if not process.is_running() or find_process(process.pid) is None:
            return True
        time.sleep(_POLL_S)
    return False
