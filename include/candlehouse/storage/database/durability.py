"""Commits that do not wait for the disk each, and one that waits for all of them.

For what can be had again: loading files waits for the disk once, at the end, and so does
judging gaps.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


def commit_later(connection: Connection) -> None:
    """Lets this transaction's commit return before it is on disk.

    What it wrote is visible to all as usual. Only a server that dies forgets it, and then
    the whole of it: candles, and the record that they were loaded.
    """
    connection.execute(_SQL("commit_later"))


def flush(engine: Engine) -> None:
    """Returns when every transaction that was committed before is on disk."""
    with engine.begin() as connection:
        connection.execute(_SQL("write_ahead"))
