"""The lock of the writer of live data, and of the standby session.

In the whole warehouse one connection writes and one stands by. Kinds of data that are written by
sessions of their own have their own locks; a session of several kinds needs all their locks.

The locks are held by a connection until it ends. Returning a connection to its pool does not end
it: release the locks, or invalidate the connection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from candlehouse.core.errors import DatabaseUnavailable
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


class WriterLock(NamedTuple):
    """Keys of advisory locks: constants below 2**31, unique within the warehouse.

    Attributes:
        writer: held by the writing session.
        standby: held by the session that takes over next.
    """

    writer: int
    standby: int


CANDLES_LOCK = WriterLock(7_265_005, 7_265_006)
_CANDLES = (CANDLES_LOCK,)


def try_writer_lock(connection: Connection, locks: Collection[WriterLock] = _CANDLES) -> bool:
    """Makes this connection the writer if there is none; never waits.

    Args:
        connection: holds none of the locks, or all of them.
        locks: all are taken or none; with an empty sequence every connection is a writer.

    Returns:
        Whether this connection is the writer now.
    """
    return _try_all(connection, [lock.writer for lock in locks])


def try_standby_lock(connection: Connection, locks: Collection[WriterLock] = _CANDLES) -> bool:
    """Makes this connection the standby if there is none; returns whether it is now."""
    return _try_all(connection, [lock.standby for lock in locks])


def release_standby_lock(connection: Connection, locks: Collection[WriterLock] = _CANDLES) -> None:
    """Releases the standby locks, for a session that has become the writer.

    Raises:
        RuntimeError: when this connection does not hold them.
    """
    for lock in locks:
        _release(connection, lock.standby)


def is_standby_present(connection: Connection, locks: Collection[WriterLock] = _CANDLES) -> bool:
    """Whether for each of the locks some connection, possibly this one, stands by."""
    return all(_find_holder(connection, lock.standby) is not None for lock in locks)


def find_writer_pid(connection: Connection, lock: WriterLock = CANDLES_LOCK) -> int | None:
    """Id of the server process of the writer's connection, None when there is no writer."""
    return _find_holder(connection, lock.writer)


def require_writable(connection: Connection) -> None:
    """Rejects a server that takes no writes: a standby, or a demoted primary.

    Raises:
        DatabaseUnavailable: when the server is read-only.
    """
    if connection.execute(_SQL("is_read_only")).scalar_one():
        raise DatabaseUnavailable("the database takes no writes: it is read-only")


def _try_all(connection: Connection, keys: Iterable[int]) -> bool:
    """Takes all of the locks or none."""
    taken: list[int] = []
    for key in sorted(keys):
        if not _try_lock(connection, key):
            # Holding only some of the locks could block a session that needs just these.
            for other in taken:
                _release(connection, other)
            return False
        taken.append(key)
    return True


def _try_lock(connection: Connection, key: int) -> bool:
    return bool(connection.execute(_SQL("try_lock"), {"key": key}).scalar_one())


def _find_holder(connection: Connection, key: int) -> int | None:
    pid: int | None = connection.execute(_SQL("find_holder"), {"key": key}).scalar()
    return pid


def _release(connection: Connection, key: int) -> None:
    if not connection.execute(_SQL("release"), {"key": key}).scalar_one():
        raise RuntimeError(f"this connection does not hold lock {key}")
