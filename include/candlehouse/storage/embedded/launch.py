"""Creates the data folder and starts the server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from functools import partial

import psutil

from candlehouse.core.errors import DatabaseUnavailable, StorageError
from candlehouse.process import dying_with_parent
from candlehouse.retrying import RetryPolicy
from candlehouse.storage.embedded.binaries import Account, Installation
from candlehouse.storage.embedded.config import CONFIG_FILE, render_access, render_config
from candlehouse.storage.embedded.places import Places, choose_port
from candlehouse.storage.embedded.postmaster import (
    await_shutdown,
    find_running,
    remove_stale_pid_file,
)

# Recovery after a kill -9 in the middle of bulk loading replays up to max_wal_size.
_START_WAIT_S = 120.0
_END_WAIT_S = 30.0
_POLL_S = 0.02
# Another process took the port, or backends of a killed server have not ended yet.
_PASSING = ("TCP/IP", "shared memory block", "already exists", "postmaster exited")


class _NotStarted(Exception):
    """The server has ended at once; the text is the line of its output that says why.

    Attributes:
        words: everything that the server wrote.
    """

    def __init__(self, words: str) -> None:
        super().__init__(_reason(words))
        self.words = words

    def passes(self) -> bool:
        # All output counts, because backends of a killed server may have written the last line.
        return any(mark in self.words for mark in _PASSING)


_POLICY = RetryPolicy(
    "the start of the embedded server",
    5,
    _NotStarted,
    _NotStarted.passes,
    lambda attempt, _: 0.5 * attempt,
)


def initialise(places: Places, installation: Installation, account: Account) -> None:
    """Creates the data folder, unless it exists.

    Raises:
        StorageError: when it cannot be created.
    """
    if (places.data / "PG_VERSION").exists():
        return
    if places.data.exists() and any(places.data.iterdir()):
        raise StorageError(f"{places.data} contains files, but no database")
    # Created under another name and renamed, so that a kill leaves no incomplete folder.
    draft = places.folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    account.chown(draft)
    command = [installation.program("initdb"), "--pgdata", str(draft), "--username", "postgres"]
    command += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "builtin"]
    command += ["--auth-local", "peer", "--auth-host", "scram-sha-256", "--no-instructions"]
    result = account.run(command, places.folder)
    if result.returncode != 0:
        raise StorageError(f"initdb failed: {_reason(result.stdout)}")
    with open(draft / "postgresql.conf", "a") as file:
        file.write(f"\ninclude '{CONFIG_FILE}'\n")
    draft.rename(places.data)


def launch(
    places: Places,
    installation: Installation,
    account: Account,
    extra: Mapping[str, str],
    tied: bool,
) -> tuple[int, int]:
    """Starts the server on its data folder and waits until it accepts connections.

    Args:
        places: of the server.
        installation: whose programs are used.
        account: that runs the server.
        extra: configuration values that override the usual ones.
        tied: whether the server ends with this process.

    Returns:
        Its process id and port.

    Raises:
        StorageError: with the server's own reason when it does not start.
        DatabaseUnavailable: when it is still recovering after two minutes.
    """
    await_shutdown(places, _END_WAIT_S)
    try:
        return _POLICY.call(partial(_start, places, installation, account, extra, tied))
    except _NotStarted as error:
        raise StorageError(f"the embedded server does not start: {error}") from None


def _start(
    places: Places,
    installation: Installation,
    account: Account,
    extra: Mapping[str, str],
    tied: bool,
) -> tuple[int, int]:
    port = choose_port(places.read_port())
    _configure(places, installation, account, port, extra)
    process = _spawn(places, installation, account, tied)
    running = _wait_ready(places, process)
    if running is None:
        raise _NotStarted(_read_failure(places))
    places.write_port(port)
    return running


def _configure(
    places: Places,
    installation: Installation,
    account: Account,
    port: int,
    extra: Mapping[str, str],
) -> None:
    files = render_access(account, _own_name())
    files[CONFIG_FILE] = render_config(
        port, places.sockets, places.logs, installation.timescaledb, extra
    )
    for name, text in files.items():
        path = places.data / name
        path.write_text(text)
        path.chmod(0o600)
        account.chown(path)
    remove_stale_pid_file(places)


def _own_name() -> str:
    return psutil.Process().username()


def _spawn(
    places: Places, installation: Installation, account: Account, tied: bool
) -> subprocess.Popen[bytes]:
    command = [installation.program("postgres"), "-D", str(places.data)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    with open(places.start_log, "wb") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            command,
            cwd=places.folder,
            env={**environment, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A terminal's Ctrl-C must not reach the server, only the process that started it.
            start_new_session=True,
            preexec_fn=dying_with_parent(signal.SIGINT) if tied else None,
            **account.popen_options(),
        )
    return process


def _wait_ready(places: Places, process: subprocess.Popen[bytes]) -> tuple[int, int] | None:
    deadline = time.monotonic() + _START_WAIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return None
        running = find_running(places)
        if running is not None and running[0] == process.pid:
            # The server outlives this process by design, so its end is not awaited.
            process.returncode = 0
            return running
        time.sleep(_POLL_S)
    raise DatabaseUnavailable(
        f"the embedded server (process {process.pid}) is still recovering after"
        f" {_START_WAIT_S:g} s: its log is in {places.logs}"
    )


def _read_failure(places: Places) -> str:
    logs = sorted(places.logs.glob("*.log"), key=lambda path: path.stat().st_mtime)
    texts = [places.start_log.read_text(errors="replace")]
    texts += [path.read_text(errors="replace")[-4000:] for path in logs[-1:]]
    return next((text for text in texts if "FATAL" in text or "PANIC" in text), texts[0])


def _reason(text: str) -> str:
    """The line that states the reason, in the output of a PostgreSQL program."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for mark in ("PANIC:", "FATAL:", "error:", "ERROR:"):
        for line in reversed(lines):
            if mark in line:
                return line.partition(mark)[2].strip()
    return lines[-1] if lines else "no reason given"
