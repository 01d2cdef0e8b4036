"""Writes the newest state of the forming candle of each series."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from candlehouse.core.candles.candle_rows import join_columns
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.model import Series
from candlehouse.storage.database.queries import load_queries
from candlehouse.storage.live.statements import Statement

_SQL = load_queries(__file__)


def forming_statement(updates: Iterable[CandleUpdate]) -> Statement | None:
    """The statement that updates `live_candles`.

    Per series the latest open time wins, then a closed candle, then the latest event. Updates that
    are not later than the stored state change nothing, so order and repetition do not matter.

    Args:
        updates: of any series, any number per series.

    Returns:
        For `execute_without_waiting`; None when there are no updates.
    """
    newest = {update.channel: update for update in sorted(updates, key=_progress)}
    if not newest:
        return None
    # Sorted, so that two writers cannot deadlock.
    ordered = sorted(newest.values(), key=_place)
    lines = [join_columns((*_state(update), update.line)) for update in ordered]
    return Statement(_SQL.sql("write_forming"), {"candles": "\n".join(lines)})


def keep_forming(connection: Connection, series: Collection[Series]) -> None:
    """Deletes the candles of all other series."""
    parameters = {
        "symbols": [one.symbol for one in series],
        "timeframes": [one.timeframe.value for one in series],
    }
    connection.execute(_SQL("keep_forming"), parameters)


def _state(update: CandleUpdate) -> tuple[str, str, str]:
    """The fields before the line of a candle: timeframe, event time and whether it is closed."""
    return update.timeframe.value, str(update.event_ms), str(int(update.closed))


def _progress(update: CandleUpdate) -> tuple[int, bool, int]:
    return update.open_ms, update.closed, update.event_ms


def _place(update: CandleUpdate) -> tuple[str, str]:
    return update.channel.symbol, update.timeframe.value
