"""Checks before anything is started: disk space, port, and a single run per home folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from candlehouse.core.errors import CandlehouseError, ConfigurationError, StorageError

# The database's log files may take 2 GB before they are used again.
_FREE_BYTES = 3 * 1024**3


def check_disk(home: Path) -> None:
    """Creates the home folder, and checks that it is writable and has 3 GB of free space.

    Raises:
        StorageError: when the folder cannot be written, or has too little space.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / f".probe-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(home).free
    except OSError as error:
        raise StorageError(
            f"{home} cannot be written: {error.strerror}; CANDLEHOUSE_HOME names another folder"
        ) from None
    if free < _FREE_BYTES:
        raise StorageError(
            f"only {free / 1024**3:.1f} GB are free at {home}, {_FREE_BYTES / 1024**3:.0f} GB are"
            " needed; CANDLEHOUSE_HOME names another folder"
        )


def check_port(port: int, variable: str) -> None:
    """Checks that a port of 127.0.0.1 is free.

    Raises:
        ConfigurationError: when it is not, naming the variable that sets the port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of 127.0.0.1 cannot be used ({error.strerror}):"
                f" set {variable} to another in .env"
            ) from None


@contextmanager
def only_run(home: Path) -> Iterator[None]:
    """Locks the home folder for one run at a time; the lock ends with the process.

    Raises:
        CandlehouseError: when another run holds the lock, naming its process.
    """
    with open(home / "run.lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CandlehouseError(
                f"{home} is in use by another run (process {file.read().strip()})"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
