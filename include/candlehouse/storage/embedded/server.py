"""Starts, stops and finds the embedded server."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

import psycopg2

from candlehouse.core.errors import ConfigurationError, StorageError
from candlehouse.process import find_process
from candlehouse.retrying import wait_while_failing
from candlehouse.settings import Settings
from candlehouse.storage.embedded.binaries import find_account, find_installation, grant_access
from candlehouse.storage.embedded.bootstrap import (
    LOGINS,
    ensure_databases,
    ensure_passwords,
    read_passwords,
)
from candlehouse.storage.embedded.launch import initialise, launch
from candlehouse.storage.embedded.places import Places
from candlehouse.storage.embedded.postmaster import find_running, wait_gone

_STOP_WAIT_S = 30.0
_DYING_TAKES_S = 2.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Server:
    """A running embedded server.

    Attributes:
        timescaledb: version of the extension installed beside it, None without one.
        started: whether this call started it; False if it was running already.
    """

    places: Places
    pid: int
    port: int
    timescaledb: str | None
    started: bool = False

    def url(self, role: str = "owner", database: str | None = None) -> str:
        """A libpq URL with user and password.

        Args:
            role: `owner`, `airflow` or `analyst`.
            database: None for the role's own database.
        """
        return _url(self.places, self.port, role, database)


def start(
    settings: Settings, *, extra: Mapping[str, str] | None = None, tied: bool = False
) -> Server:
    """Starts the server unless it runs, and prepares its databases and roles in both cases.

    Args:
        settings: home folder, and whether to use TimescaleDB.
        extra: configuration values that override the usual ones.
        tied: whether the server ends with the calling process, however that ends; call it from
            the main thread then.

    Raises:
        StorageError: with a reason of one line when it cannot be started.
    """
    places = _places(settings)
    installation = find_installation()
    account = find_account()
    with places.locked():
        places.make(account)
        grant_access(account, installation, places.folder)
        passwords = ensure_passwords(places.passwords)
        prepare = partial(
            ensure_databases,
            places.sockets,
            passwords=passwords,
            timescaledb=installation.timescaledb,
            create_extension=settings.timescaledb,
        )
        if found := _find_prepared(places, prepare):
            return Server(places, *found, installation.timescaledb)
        initialise(places, installation, account)
        pid, port = launch(places, installation, account, extra or {}, tied)
        try:
            prepare(port)
        except psycopg2.Error as error:
            raise _refused(error) from None
    return Server(places, pid, port, installation.timescaledb, started=True)


def _find_prepared(places: Places, prepare: Callable[[int], None]) -> tuple[int, int] | None:
    """Process id and port of a server that runs and is prepared; None when none runs.

    Raises:
        StorageError: when it runs and refuses connections for two seconds. A server that was just
            killed may still look alive.
    """

    def look() -> tuple[int, int] | None:
        running = find_running(places)
        if running is not None:
            prepare(running[1])
        return running

    try:
        return wait_while_failing(look, psycopg2.Error, _POLL_S, _DYING_TAKES_S)
    except psycopg2.Error as error:
        raise _refused(error) from None


def _refused(error: psycopg2.Error) -> StorageError:
    return StorageError(f"the embedded server refuses: {_first_line(error)}")


def stop(settings: Settings) -> bool:
    """Stops the server; open transactions are rolled back.

    Returns:
        False if it was not running.

    Raises:
        StorageError: when it does not end.
    """
    places = _places(settings)
    if not places.folder.exists():
        return False
    with places.locked():
        running = find_running(places)
        process = find_process(running[0]) if running else None
        if process is None:
            return False
        # "Fast" shutdown: closes all connections, then writes a checkpoint.
        process.send_signal(signal.SIGINT)
        if not wait_gone(process, _STOP_WAIT_S):
            process.send_signal(signal.SIGQUIT)
            if not wait_gone(process, _STOP_WAIT_S):
                raise StorageError(f"the embedded server (process {process.pid}) does not end")
    return True


def status(settings: Settings) -> Server | None:
    """The running server, None if it is not running."""
    places = _places(settings)
    running = find_running(places)
    if running is None:
        return None
    return Server(places, *running, find_installation().timescaledb)


def url(settings: Settings, role: str = "owner") -> str:
    """A libpq URL of the embedded server, running or not.

    Raises:
        ConfigurationError: for an unknown role.
        StorageError: when the server was never started.
    """
    places = _places(settings)
    running = find_running(places)
    port = running[1] if running else places.read_port()
    return _url(places, port or 0, role, None)


def _places(settings: Settings) -> Places:
    return Places(settings.home / "postgres")


def _url(places: Places, port: int, role: str, database: str | None) -> str:
    if role not in LOGINS:
        raise ConfigurationError(f"unknown role {role!r}: one of {', '.join(LOGINS)}")
    user, own_database = LOGINS[role]
    password = quote(read_passwords(places.passwords)[user], safe="")
    return f"postgresql://{user}:{password}@127.0.0.1:{port}/{database or own_database}"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
