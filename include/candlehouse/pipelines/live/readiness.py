"""Checks whether a session can begin now."""

from __future__ import annotations

from candlehouse.core.errors import SchemaMissing
from candlehouse.pipelines.venue.exchange_choice import resolve_exchange
from candlehouse.storage.live.stream_sessions import read_control
from candlehouse.storage.universe.catalog import select_snapshot
from candlehouse.storage.warehouse import Warehouse


def check_readiness(warehouse: Warehouse) -> str | None:
    """What a session would still lack, None when nothing.

    Raises:
        DatabaseUnavailable: when there is no database.
        ExchangeUnavailable, WrongExchange: when the warehouse's exchange does not answer.
    """
    try:
        with warehouse.read() as connection:
            if not read_control(connection):
                return "streaming is switched off"
            snapshot = select_snapshot(connection)
    except SchemaMissing:
        return "the warehouse has no tables yet: migrate it first"
    if snapshot is None or not snapshot.members:
        return "there is no universe yet"
    resolve_exchange(warehouse)
    return None
