"""Who may write live candles: one connection of the whole warehouse, and one that stands by.

The locks belong to the connection that took them and end when it does. Giving a connection
back to its pool does not end it: release, or invalidate the connection.
"""

from __future__ import annotations

from sqlalchemy import Connection

from candlehouse.core.errors import DatabaseUnavailable
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)

# Any constants below 2**31 will do that no other lock of the warehouse uses.
_WRITER_KEY = 7_265_005
_STANDBY_KEY = 7_265_006


def try_writer_lock(connection: Connection) -> bool:
    """Makes this connection the writer if there is none; whether it is now. Never waits."""
    return _try_lock(connection, _WRITER_KEY)


def try_standby_lock(connection: Connection) -> bool:
    """Makes this connection the one that stands by if there is none; whether it is now."""
    return _try_lock(connection, _STANDBY_KEY)


def release_standby_lock(connection: Connection) -> None:
    """Stops standing by, as the one that became the writer does.

    Raises:
        RuntimeError: when this connection does not stand by.
    """
    _release(connection, _STANDBY_KEY)


def is_standby_present(connection: Connection) -> bool:
    """Whether any connection stands by, this one included."""
    return _find_holder(connection, _STANDBY_KEY) is not None


def find_writer_pid(connection: Connection) -> int | None:
    """The server's process that serves the writer's connection, None when nobody writes."""
    return _find_holder(connection, _WRITER_KEY)


def require_writable(connection: Connection) -> None:
    """Refuses a server that takes no writes now: a standby, or a primary that was made one.

    Raises:
        DatabaseUnavailable: when it does not take any.
    """
    if connection.execute(_SQL("is_read_only")).scalar_one():
        raise DatabaseUnavailable("the database takes no writes: it is read-only")


def _try_lock(connection: Connection, key: int) -> bool:
    return bool(connection.execute(_SQL("try_lock"), {"key": key}).scalar_one())


def _find_holder(connection: Connection, key: int) -> int | None:
    pid: int | None = connection.execute(_SQL("find_holder"), {"key": key}).scalar()
    return pid


def _release(connection: Connection, key: int) -> None:
    if not connection.execute(_SQL("release"), {"key": key}).scalar_one():
        raise RuntimeError(f"this connection does not hold lock {key}")
