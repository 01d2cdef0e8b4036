"""The exchange's gate: closed for every process while the exchange accepts no requests."""

from __future__ import annotations

from sqlalchemy import Connection

from candlehouse.core.errors import RateLimited
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


def close_gate(connection: Connection, wait_s: float, reason: str) -> None:
    """Closes the gate; a gate that is closed for longer is not changed.

    Args:
        connection: of the warehouse.
        wait_s: seconds from now.
        reason: the exchange's message.
    """
    connection.execute(_SQL("close_gate"), {"retry_after_s": wait_s, "reason": reason})


def require_open_gate(connection: Connection) -> None:
    """Returns if the gate is open.

    Raises:
        RateLimited: when it is closed.
    """
    closed = connection.execute(_SQL("select_closed")).one_or_none()
    if closed is not None:
        raise RateLimited(
            f"the exchange closed its gate for {closed.wait_s:.0f} s more: {closed.reason}",
            closed.wait_s,
        )
