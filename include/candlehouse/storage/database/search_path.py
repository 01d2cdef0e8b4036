"""Lets sessions find the warehouse's tables without naming their schema."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)
_log = logging.getLogger(__name__)


def share_search_path(connection: Connection) -> None:
    """Puts the schema `market` on the search path of all later sessions of the database.

    A setting of the database, which neither a copy of it nor a dump carries along, so it is
    looked at whenever the schema is brought up to date. What sessions found before, they
    still find first.

    Args:
        connection: of the warehouse's owner, in the caller's transaction. Where that role
            does not own the database, only its own sessions find the tables, and the log says
            what an administrator can do.
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
