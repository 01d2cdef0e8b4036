"""Several statements in one round trip to the server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection, TextClause, text

# Losing the last commits in a crash of the server is acceptable here.
_WITHOUT_WAITING = "SELECT set_config('synchronous_commit', 'off', true)"


class Statement(NamedTuple):
    """A statement and its parameters.

    Attributes:
        sql: without a semicolon at its end.
        parameters: by name; names must be distinct across statements that are run together.
    """

    sql: str
    parameters: Mapping[str, object]


def execute_without_waiting(connection: Connection, statements: Iterable[Statement | None]) -> None:
    """Runs statements in one round trip, for rows that may be lost in a crash of the server.

    The caller ends the transaction, whose commit is asynchronous: it must not contain durable data.

    Args:
        connection: in a transaction of its own.
        statements: in the order in which they run; None is skipped.
    """
    some = [statement for statement in statements if statement is not None]
    if not some:
        return
    parameters: dict[str, object] = {}
    for statement in some:
        parameters.update(statement.parameters)
    connection.execute(_join(tuple(statement.sql for statement in some)), parameters)


@cache
def _join(blocks: tuple[str, ...]) -> TextClause:
    return text(";\n".join((_WITHOUT_WAITING, *blocks)))
