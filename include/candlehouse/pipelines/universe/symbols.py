"""Checks that the symbols a person named exist, before work on them begins."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from candlehouse.core.errors import ConfigurationError, RequestRejected
from candlehouse.core.model import Series
from candlehouse.core.ports import MarketData
from candlehouse.core.task_groups import task_group
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.storage.universe.catalog import select_unrecorded
from candlehouse.storage.warehouse import Warehouse


async def require_symbols(warehouse: Warehouse, source: MarketData, symbols: Sequence[str]) -> int:
    """Refuses symbols that exist neither in the warehouse nor at the exchange.

    A symbol that the warehouse has a record of costs no request, whether or not it still trades.
    For all others the exchange's list is fetched, which also has pairs that do not trade now,
    and candles of the symbols that are not on the list.

    Args:
        warehouse: to read from and to write to.
        source: the REST client.
        symbols: that a person named; may be empty.

    Returns:
        The request weight that was used, 0 when the exchange was not asked.

    Raises:
        ConfigurationError: naming every symbol that does not exist.
        ExchangeError: when the exchange was needed and failed.
    """
    unrecorded = await warehouse.in_thread(find_unrecorded, symbols)
    if not unrecorded:
        return 0
    listed = {one.symbol for one in (await source.fetch_instruments()).instruments}
    unlisted = [symbol for symbol in unrecorded if symbol not in listed]
    async with task_group() as group:
        requested = {symbol: group.create_task(_has_candles(source, symbol)) for symbol in unlisted}
    unknown = [symbol for symbol, has_candles in requested.items() if not has_candles.result()]
    if unknown:
        raise ConfigurationError(f"symbols: the exchange has no {', '.join(unknown)}")
    return VENUE.rest.pairs_weight + len(unlisted) * VENUE.rest.page_weight


def find_unrecorded(warehouse: Warehouse, symbols: Collection[str]) -> list[str]:
    """The symbols that the warehouse has no record of, sorted; no exchange is asked."""
    if not symbols:
        return []
    with warehouse.read() as connection:
        return select_unrecorded(connection, list(symbols))


def require_recorded(warehouse: Warehouse, symbols: Collection[str]) -> None:
    """Refuses symbols that the warehouse has no record of; no exchange is asked.

    For commands that only read what is stored.

    Raises:
        ConfigurationError: naming the unknown symbols.
    """
    unrecorded = find_unrecorded(warehouse, symbols)
    if unrecorded:
        raise ConfigurationError(f"symbols: the warehouse knows no {', '.join(unrecorded)}")


async def _has_candles(source: MarketData, symbol: str) -> bool:
    """Whether the exchange serves candles of a symbol that is not on its list."""
    try:
        await source.fetch_first_open_time(Series(symbol, Timeframe.D1))
    except RequestRejected:
        return False
    return True
