"""Who may write live data: one connection of the whole warehouse, and one that stands by.

Kinds of data that are written by sessions of their own have a lock of their own; a session of
several kinds needs the locks of all of them.

The locks belong to the connection that took them and end when it does. Giving a connection
back to its pool does not end it: release, or invalidate the connection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from candlehouse.core.errors import DatabaseUnavailable
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


class WriterLock(NamedTuple):
    """Keys of advisory locks: any constants below 2**31 that no other lock has.

    Attributes:
        writer: held by the one that writes.
        standby: held by the one that takes over next.
    """

    writer: int
    standby: int


CANDLES_LOCK = WriterLock(7_265_005, 7_265_006)
_CANDLES = (CANDLES_LOCK,)


def try_writer_lock(connection: Connection, locks: Collection[WriterLock] = _CANDLES) -> bool:
    """Makes this connection the writer if there is none; whether it is now. Never waits.

    Args:
        connection: holds none of the locks, or all of them.
        locks: all are taken or none; without any, every connection is a writer.
    """
    return _try_all(connection, [lock.writer for lock in locks])


def try_standby_lock(connection: Connection, locks: Collection[WriterLock] = _CANDLES) -> bool:
    """Makes this connection the one that stands by if there is none; whether it is now."""
    return _try_all(connection, [lock.standby for lock in locks])


def release_standby_lock(connection: Connection, locks: Collection[WriterLock] = _CANDLES) -> None:
    """Stops standing by, as the one that became the writer does.

    Raises:
        RuntimeError: when this connection does not stand by.
    """
    for lock in locks:
        _release(connection, lock.standby)


def is_standby_present(connection: Connection, locks: Collection[WriterLock] = _CANDLES) -> bool:
    """Whether any connection stands by for each of the locks, this one included."""
    return all(_find_holder(connection, lock.standby) is not None for lock in locks)


def find_writer_pid(connection: Connection, lock: WriterLock = CANDLES_LOCK) -> int | None:
    """The server's process that serves the writer's connection, None when nobody writes."""
    return _find_holder(connection, lock.writer)


def require_writable(connection: Connection) -> None:
    """Refuses a server that takes no writes now: a standby, or a primary that was made one.

    Raises:
        DatabaseUnavailable: when it does not take any.
    """
    if connection.execute(_SQL("is_read_only")).scalar_one():
        raise DatabaseUnavailable("the database takes no writes: it is read-only")


def _try_all(connection: Connection, keys: Iterable[int]) -> bool:
    """Takes all of these or none of them."""
    taken: list[int] = []
    for key in sorted(keys):
        if not _try_lock(connection, key):
            # A part of them would keep out somebody who needs no more than that.
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
