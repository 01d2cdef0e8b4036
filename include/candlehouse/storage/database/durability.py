"""Asynchronous commits, and one flush that waits until all of them are on disk.

For data that can be fetched again: loading files and judging gaps wait for the disk only once,
at the end.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


def commit_later(connection: Connection) -> None:
    """Makes this transaction's commit asynchronous: it returns before it is on disk.

    Its changes are visible to others as usual. Only a crash of the server can lose the transaction,
    and then as a whole: the candles together with the record that they were loaded.
    """
    connection.execute(_SQL("commit_later"))


def flush(engine: Engine) -> None:
    """Returns when every earlier commit is on disk."""
    with engine.begin() as connection:
        connection.execute(_SQL("write_ahead"))
