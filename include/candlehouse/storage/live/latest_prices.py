"""Writes the last price of each symbol."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from candlehouse.core.live.price_updates import PriceUpdate
from candlehouse.storage.database.queries import load_queries
from candlehouse.storage.live.statements import Statement

_SQL = load_queries(__file__)


def prices_statement(prices: Iterable[PriceUpdate]) -> Statement | None:
    """The statement that updates `latest_prices`.

    Per symbol the latest event wins. Updates that are not later than the stored price change
    nothing, so order and repetition do not matter.

    Args:
        prices: of any symbols, any number per symbol.

    Returns:
        For `execute_without_waiting`; None when there are no prices.
    """
    newest = {price.channel: price for price in sorted(prices, key=lambda price: price.event_ms)}
    if not newest:
        return None
    # Sorted, so that two writers cannot deadlock.
    ordered = sorted(newest.values(), key=lambda price: price.symbol)
    lines = "\n".join([price.line for price in ordered])
    return Statement(_SQL.sql("write_prices"), {"prices": lines})


def keep_prices(connection: Connection, symbols: Collection[str]) -> None:
    """Deletes the prices of all other symbols."""
    connection.execute(_SQL("keep_prices"), {"symbols": sorted(symbols)})
