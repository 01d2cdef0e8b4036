"""Files and folders of the embedded server, all below `<home>/postgres`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from candlehouse.core.errors import StorageError
from candlehouse.retrying import wait_while_failing
from candlehouse.storage.embedded.binaries import MAJOR_VERSION, Account

# A socket's path must fit into sockaddr_un with its closing zero.
_SOCKET_PATH_LIMIT = 107
_FREE_BYTES = 256 * 1024 * 1024
_LOCK_WAIT_S = 60.0
_LOCK_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Places:
    """Files and folders of one embedded server."""

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        """Folder of the server's logs, one file per weekday."""
        return self.folder / "log"

    @property
    def start_log(self) -> Path:
        """The server's output before it opens its own log."""
        return self.folder / "start.log"

    @property
    def passwords(self) -> Path:
        """The login roles' passwords, readable by their owner only."""
        return self.folder / "passwords.json"

    @property
    def sockets(self) -> Path:
        """Folder of the unix socket; in the temporary folder if its path would be too long."""
        near = self.folder / "run"
        if len(os.fsencode(near / ".s.PGSQL.65535")) <= _SOCKET_PATH_LIMIT:
            return near
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"candlehouse-{digest}"

    def make(self, account: Account) -> None:
        """Creates the folders and checks that they can hold a database.

        Raises:
            StorageError: when they cannot: no permission, no space, or data of another version.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for folder in (self.logs, self.sockets):
                folder.mkdir(mode=0o700, exist_ok=True)
                self._check_own(folder, account)
                account.chown(folder)
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be used: {error.strerror}") from None
        if free < _FREE_BYTES:
            raise StorageError(
                f"only {free // 2**20} MB are free at {self.folder}: the database needs"
                f" at least {_FREE_BYTES // 2**20} MB"
            )
        self._check_version()

    def _check_own(self, folder: Path, account: Account) -> None:
        # In a shared folder another user could have created it first.
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), account.uid):
            raise StorageError(f"{folder} is owned by another user")

    def _check_version(self) -> None:
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            version = version_file.read_text().strip()
            if version != str(MAJOR_VERSION):
                raise StorageError(
                    f"{self.data} was made by PostgreSQL {version}, this is {MAJOR_VERSION}:"
                    " dump it with the old one, or set CANDLEHOUSE_HOME to another folder"
                )

    def read_port(self) -> int | None:
        """The port of the last start, None before the first."""
        try:
            port = json.loads((self.folder / "server.json").read_text())["port"]
        except (OSError, ValueError, KeyError):
            return None
        return port if isinstance(port, int) else None

    def write_port(self, port: int) -> None:
        """Stores the port, so that URLs stay valid between starts."""
        (self.folder / "server.json").write_text(json.dumps({"port": port}))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds a lock that keeps other processes from starting or stopping the server.

        Raises:
            StorageError: when another process holds the lock for a minute.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = open(self.folder / "lock", "a")  # noqa: SIM115 - closed below, held till then
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be used: {error.strerror}") from None
        with file:
            lock = partial(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                wait_while_failing(lock, BlockingIOError, _LOCK_POLL_S, _LOCK_WAIT_S)
            except BlockingIOError:
                raise StorageError(
                    f"another process has been starting or stopping the server of"
                    f" {self.folder} for {_LOCK_WAIT_S:g} s"
                ) from None
            yield


def choose_port(remembered: int | None) -> int:
    """The remembered port if it is free, otherwise any free port of the loopback address.

    Raises:
        StorageError: when no port is free.
    """
    for port in (remembered, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            # As in PostgreSQL, a connection in TIME_WAIT does not occupy the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StorageError("no port is free on 127.0.0.1")
