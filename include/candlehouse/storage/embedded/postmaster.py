"""Finding the server's main process, and telling it from a stranger with the same id."""

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
    """Process id and port of a server that is verifiably this folder's and accepts connections."""
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
    """Whether the process is a postmaster on the folder: ids are given again after a reboot."""
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
    """Waits for a server that is still ending: one that a killed run has left, say."""
    pid = _recorded_pid(places)
    process = find_process(pid) if pid is not None and is_server(pid, places.data) else None
    if process is not None and find_running(places) is None:
        wait_gone(process, timeout_s)


def remove_stale_marks(places: Places) -> None:
    """PostgreSQL itself only mistrusts its marks when no process at all has the id in them.

    A killed server that nobody waited for still has its id: it is dead, but its parent
    has not asked for its end. Backends of a killed server that still live are noticed
    by their shared memory, whose key comes from the data folder and not from these files.
    """
    pid_file = places.data / "postmaster.pid"
    pid = _recorded_pid(places)
    if pid is None:
        return
    reap(pid)
    if psutil.pid_exists(pid) and not is_server(pid, places.data):
        _log.warning("removing the mark of a server that is gone: %s", pid_file)
        pid_file.unlink()
        # The sockets' folder is this server's alone.
        for lock in places.sockets.glob(".s.PGSQL.*"):
            lock.unlink(missing_ok=True)


def _recorded_pid(places: Places) -> int | None:
    try:
        return int((places.data / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def wait_gone(process: psutil.Process, timeout_s: float) -> bool:
    """Waits for the end of the process; False if it still lives after the time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        # A child of this very process has to be reaped by it.
        reap(process.pid)
        if not process.is_running() or find_process(process.pid) is None:
            return True
        time.sleep(_POLL_S)
    return False
