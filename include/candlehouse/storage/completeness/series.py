"""The wanted range of each series, and what is known about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.judging.verdict_rules import Life
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A row of `market.series`.

    Attributes:
        first_open_time: open time of the exchange's first candle, None when it had none.
        wanted_from: inclusive; None for a series that is not collected, only stored or used as
            a witness.
        wanted_to: exclusive; None while the symbol trades.
        first_asked_at: exchange time at which the first candle was asked for, None when unknown.
    """

    series: Series
    first_open_time: datetime | None
    wanted_from: datetime | None
    wanted_to: datetime | None
    first_asked_at: datetime | None = None

    def wanted(self, until: datetime) -> Span | None:
        """The wanted range up to `until`; None where it is empty."""
        if self.wanted_from is None:
            return None
        end = until if self.wanted_to is None else min(until, self.wanted_to)
        return Span(self.wanted_from, end) if self.wanted_from < end else None

    def history_start(self, collection_start: datetime) -> datetime | None:
        """The start of a member's wanted history: the start date, or a later first candle.

        None while the first candle is unknown.
        """
        if self.first_open_time is None:
            return None
        return max(collection_start, self.series.timeframe.floor(self.first_open_time))


def select_series(
    connection: Connection, timeframes: Sequence[Timeframe], symbols: Sequence[str] | None = None
) -> dict[Series, SeriesRow]:
    """Rows of `symbols` (of all symbols when None), in order of symbol."""
    parameters = {
        "timeframes": [timeframe.value for timeframe in timeframes],
        "symbols": None if symbols is None else list(symbols),
    }
    rows: dict[Series, SeriesRow] = {}
    for row in connection.execute(_SQL("select_series"), parameters):
        series = Series(row.symbol, Timeframe(row.timeframe))
        rows[series] = SeriesRow(
            series, row.first_open_time, row.wanted_from, row.wanted_to, row.first_asked_at
        )
    return rows


def select_unfinished(connection: Connection) -> list[str]:
    """Symbols, sorted, with a wanted range or with requested ranges that have no verdict yet."""
    return list(connection.execute(_SQL("select_unfinished")).scalars())


def upsert_first_open_times(
    connection: Connection, found: Mapping[Series, datetime | None]
) -> None:
    """Stores the open times of the exchange's first candles, per series and for the pairs."""
    rows = [
        {
            "symbol": series.symbol,
            "timeframe": series.timeframe.value,
            "first_open_time": first_open_time,
        }
        for series, first_open_time in sorted(found.items(), key=lambda item: str(item[0]))
    ]
    if rows:
        connection.execute(_SQL("upsert_first_open_time"), rows)
        symbols = sorted({series.symbol for series in found})
        connection.execute(_SQL("note_first_candles"), {"symbols": symbols})


def want_series(
    connection: Connection,
    symbols: Sequence[str],
    timeframes: Sequence[Timeframe],
    collection_start: datetime,
) -> None:
    """Sets the wanted history of members: from `collection_start` or their first candle on."""
    starts = {
        series: start
        for series, row in select_series(connection, timeframes, symbols).items()
        if (start := row.history_start(collection_start)) not in (None, row.wanted_from)
    }
    if starts:
        parameters = {
            "symbols": [series.symbol for series in starts],
            "timeframes": [series.timeframe.value for series in starts],
            "starts": list(starts.values()),
        }
        connection.execute(_SQL("want_series"), parameters)


def want_streamed(
    connection: Connection,
    symbols: Sequence[str],
    timeframes: Sequence[Timeframe],
    start: datetime,
) -> None:
    """Sets the wanted range of series that are only streamed, from the slot at or after `start`.

    A series that is wanted already keeps its start, but not before its first candle. Missing rows
    are inserted.

    Args:
        connection: in the caller's transaction.
        symbols: of all the series.
        timeframes: of which no history is collected.
        start: when streaming began, on the exchange's clock.
    """
    parameters = {
        "symbols": sorted(set(symbols)),
        "timeframes": [timeframe.value for timeframe in timeframes],
        "starts": [timeframe.ceil(start) for timeframe in timeframes],
    }
    connection.execute(_SQL("want_streamed"), parameters)


def end_series(connection: Connection, series: Series, wanted_to: datetime) -> None:
    """Sets the end (exclusive) of the wanted range of a symbol that stopped trading."""
    parameters = {
        "symbol": series.symbol,
        "timeframe": series.timeframe.value,
        "wanted_to": wanted_to,
    }
    connection.execute(_SQL("end_series"), parameters)


def reopen_series(connection: Connection) -> int:
    """Removes the end of the wanted range for symbols that trade again.

    Call it right after the instruments were refreshed.

    Returns:
        The number of changed series.
    """
    return connection.execute(_SQL("reopen_series")).rowcount


def select_lives(connection: Connection, symbols: Sequence[str]) -> dict[str, tuple[Life, ...]]:
    """Per ticker the assets that it has meant, in order of time, where they are recorded."""
    lives: dict[str, list[Life]] = defaultdict(list)
    for row in connection.execute(_SQL("select_lives"), {"symbols": list(symbols)}):
        lives[row.symbol].append(Life(row.asset_id, row.valid_from, row.valid_to))
    return {symbol: tuple(found) for symbol, found in lives.items()}


def select_last_held(connection: Connection, series: Series) -> datetime | None:
    """Open time of the newest stored candle, None while no candle is stored."""
    parameters = {"symbol": series.symbol, "timeframe": series.timeframe.value}
    held = connection.execute(_SQL("select_last_held"), parameters).scalar()
    return held if isinstance(held, datetime) else None


def select_held_bounds(connection: Connection, timeframe: Timeframe) -> dict[str, Span]:
    """Per symbol the range from its oldest to the end of its newest stored candle, on the grid."""
    rows = connection.execute(_SQL("select_held_bounds"), {"timeframe": timeframe.value})
    floor = timeframe.floor
    return {
        row.symbol: Span(floor(row.first_open_time), floor(row.last_open_time) + timeframe.length)
        for row in rows
    }


def record_errors(connection: Connection, failures: Mapping[Series, str]) -> None:
    """Stores the last error of each series, for people."""
    rows = [
        {
            "symbol": series.symbol,
            "timeframe": series.timeframe.value,
            "last_error": error,
        }
        for series, error in sorted(failures.items(), key=lambda item: str(item[0]))
    ]
    if rows:
        connection.execute(_SQL("record_error"), rows)
