"""Lets sessions find the warehouse's tables without naming their schema."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)
_log = logging.getLogger(__name__)


def share_search_path(connection: Connection) -> None:
    """Appends the schema `market` to the search path of all later sessions of the database.

    The search path is a setting of the database that neither copies nor dumps include, so it is
    checked at every migration. Names that sessions found before are still found first.

    Args:
        connection: of the warehouse's owner, in the caller's transaction. When this role does not
            own the database, only its own sessions find the tables, and a log line states what
            an administrator can do.
    """
    if connection.execute(_SQL("is_found")).scalar_one():
        return
    connection.execute(_SQL("extend"))
    connection.execute(_SQL("keep"))
    if not connection.execute(_SQL("is_kept_for_all")).scalar_one():
        _log.warning(
            "other roles have to name the schema market in their queries: the owner of the"
            ' database may say ALTER DATABASE ... SET search_path = "$user", public, market'
        )
