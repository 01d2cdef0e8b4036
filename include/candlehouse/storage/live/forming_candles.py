"""Writes what is forming now: the newest candle of each series and the last prices."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from candlehouse.core.candles.candle_rows import join_columns
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.live.price_updates import PriceUpdate
from candlehouse.core.model import Series
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


def write_forming(
    connection: Connection, updates: Iterable[CandleUpdate], prices: Iterable[PriceUpdate]
) -> None:
    """Moves `live_candles` and `latest_prices` on, in one round trip.

    Of one series the latest open time wins, then a closed candle, then the latest event;
    of one symbol's prices the latest event. What is not later than what is stored changes
    nothing, so neither order nor repetition matters.

    The caller ends the transaction, whose commit does not wait for the disk: it must hold
    nothing that has to last.

    Args:
        connection: in a transaction of its own.
        updates: of any series, any number of each.
        prices: of any symbols, any number of each.
    """
    candles = {update.channel: update for update in sorted(updates, key=_progress)}
    last = {price.channel: price for price in sorted(prices, key=lambda price: price.event_ms)}
    if not candles and not last:
        return
    # In one order, so that two writers never wait for each other in a circle.
    ordered = sorted(candles.values(), key=_place)
    parameters = {
        "candles": "\n".join([join_columns((*_state(update), update.line)) for update in ordered]),
        "prices": "\n".join(
            [price.line for price in sorted(last.values(), key=lambda price: price.symbol)]
        ),
    }
    connection.execute(_SQL("write_forming"), parameters)


def keep_live(connection: Connection, series: Collection[Series]) -> None:
    """Forgets every series but these, and the prices of all symbols but theirs."""
    parameters = {
        "symbols": [one.symbol for one in series],
        "timeframes": [one.timeframe.value for one in series],
    }
    connection.execute(_SQL("keep_live"), parameters)


def _state(update: CandleUpdate) -> tuple[str, str, str]:
    """What stands before the line of a candle: timeframe, event time and whether it is closed."""
    return update.timeframe.value, str(update.event_ms), str(int(update.closed))


def _progress(update: CandleUpdate) -> tuple[int, bool, int]:
    return update.open_ms, update.closed, update.event_ms


def _place(update: CandleUpdate) -> tuple[str, str]:
    return update.channel.symbol, update.timeframe.value
