"""Prepares new connections: the session's settings, and that it is a single session.

Settings are made by statements, not only by start-up options, which poolers drop or refuse.
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg2
import psycopg2.extensions
from psycopg2.extensions import connection as DriverConnection

from candlehouse.core.errors import ConfigurationError
from candlehouse.storage.database.queries import load_queries

_log = logging.getLogger(__name__)
_SQL = load_queries(__file__)

_FACTS = {
    "TimeZone": "UTC",
    # After waiting for a lock a statement must read what the lock's last holder committed.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    "extra_float_digits": "1",
    "synchronous_commit": "on",
}
# No time limits: batches may take long, and the writer's session is idle between candles.
_LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
_ENCODING = "UTF8"
# Seconds that a second connection waits for a pooler to assign a server process.
_POOLER_S = 5.0


class Preparation:
    """Prepares connections; one object for all connections to one URL."""

    def __init__(self) -> None:
        self._is_known = False

    def prepare(
        self, connection: DriverConnection, open_other: Callable[[], DriverConnection]
    ) -> None:
        """Applies the session's settings, after checking that they last.

        Args:
            connection: a new connection.
            open_other: opens one more connection to the same URL, asynchronously.

        Raises:
            ConfigurationError: when a pooler changes servers between transactions.
            psycopg2.Error: any error of the server.
        """
        connection.autocommit = True
        if not self._is_known:
            _refuse_transaction_pooling(connection, open_other)
            self._is_known = True
        names = [*_FACTS, *_LIMITS]
        values = [*_FACTS.values(), *_LIMITS.values()]
        limits = [name in _LIMITS for name in names]
        with connection.cursor() as cursor:
            cursor.execute(
                _SQL.sql("count_on"), {"names": names, "values": values, "limits": limits}
            )
            # Fails harmlessly where a pooler assigns a session whose temporary tables are in use.
            with suppress(psycopg2.DataError):
                cursor.execute(_SQL.sql("take_room"))
        if connection.encoding != _ENCODING:
            connection.set_client_encoding(_ENCODING)
        connection.autocommit = False


def _refuse_transaction_pooling(
    connection: DriverConnection, open_other: Callable[[], DriverConnection]
) -> None:
    """Refuses a pooler that lends a server's process for a transaction at a time.

    A pooler tells its clients a process of its own invention. Whether it lends processes
    shows when a second connection, in a transaction, gets the one of the first, or when the
    first changes its own.
    """
    process = _find_process(connection)
    if process == connection.info.backend_pid:
        return
    processes = {process, _find_process(connection)}
    if len(processes) > 1 or _find_held_process(open_other) in processes:
        raise ConfigurationError(
            "CANDLEHOUSE_DATABASE_URL leads to a pooler that changes servers between"
            " transactions, but locks and temporary tables last for a session: use session"
            " pooling (pool_mode = session in PgBouncer), or connect to PostgreSQL itself"
        )


def _find_process(connection: DriverConnection) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_SQL.sql("find_server_process"))
        row = cursor.fetchone()
    assert row is not None
    process: int = row[0]
    return process


def _find_held_process(open_other: Callable[[], DriverConnection]) -> int | None:
    """The server process assigned to a second connection while it is in a transaction.

    Returns:
        None when none is assigned for seconds: then the first connection keeps its process.
    """
    until = time.monotonic() + _POOLER_S
    other = open_other()
    try:
        if not _await(other, until):
            return None
        with other.cursor() as cursor:
            cursor.execute(_SQL.sql("hold_server_process"))
            if not _await(other, until):
                _log.warning("the pooler assigned no second connection within %g s", _POOLER_S)
                return None
            row = cursor.fetchone()
    finally:
        other.close()
    return None if row is None else row[0]


def _await(connection: DriverConnection, until: float) -> bool:
    """Whether an asynchronous connection finishes its present operation in time."""
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        left_s = until - time.monotonic()
        if left_s <= 0:
            return False
        reads = [connection] if state == psycopg2.extensions.POLL_READ else []
        writes = [] if reads else [connection]
        select.select(reads, writes, [], left_s)
    return True
