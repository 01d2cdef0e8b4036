"""What is wanted and known of each series."""

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
        first_open_time: of the exchange's first candle, None when it had none.
        wanted_from: None for a series that nobody wants, only holds or bears witness.
        wanted_to: exclusive; None while the symbol trades.
        first_asked_at: exchange time at which the first candle was asked for, if known.
    """

    series: Series
    first_open_time: datetime | None
    wanted_from: datetime | None
    wanted_to: datetime | None
    first_asked_at: datetime | None = None

    def wanted(self, until: datetime) -> Span | None:
        """The wanted range up to `until`, None when that is nothing."""
        if self.wanted_from is None:
            return None
        end = until if self.wanted_to is None else min(until, self.wanted_to)
        return Span(self.wanted_from, end) if self.wanted_from < end else None

    def history_start(self, collection_start: datetime) -> datetime | None:
        """From where a member's history is wanted: the start date, or a later first candle.

        None while no first candle is known.
        """
        if self.first_open_time is None:
            return None
        return max(collection_start, self.series.timeframe.floor(self.first_open_time))


def select_series(
    connection: Connection, timeframes: Sequence[Timeframe], symbols: Sequence[str] | None = None
) -> dict[Series, SeriesRow]:
    """Rows of `symbols`, of all symbols when None, in order of symbol."""
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
    """Symbols, sorted, of which anything is wanted, or was asked for and has no verdict."""
    return list(connection.execute(_SQL("select_unfinished")).scalars())


def upsert_first_open_times(
    connection: Connection, found: Mapping[Series, datetime | None]
) -> None:
    """Remembers the open times of the exchange's first candles, for pairs as well."""
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
    """Makes the history of members wanted from `collection_start` or their first candle."""
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
    """Makes series wanted that are only streamed, from the slot at or after `start`.

    One that is wanted already stays so from where it is, but none from before its first
    candle. Rows are made where there are none.

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
    """Sets where the wanted range ends for a symbol that stopped trading."""
    parameters = {
        "symbol": series.symbol,
        "timeframe": series.timeframe.value,
        "wanted_to": wanted_to,
    }
    connection.execute(_SQL("end_series"), parameters)


def reopen_series(connection: Connection) -> int:
    """Makes series of symbols that trade again wanted without an end.

    Call when the instruments were just refreshed.

    Returns:
        How many series that were.
    """
    return connection.execute(_SQL("reopen_series")).rowcount


def select_lives(connection: Connection, symbols: Sequence[str]) -> dict[str, tuple[Life, ...]]:
    """The assets that each ticker meant, in order, for those that are on record."""
    lives: dict[str, list[Life]] = defaultdict(list)
    for row in connection.execute(_SQL("select_lives"), {"symbols": list(symbols)}):
        lives[row.symbol].append(Life(row.asset_id, row.valid_from, row.valid_to))
    return {symbol: tuple(found) for symbol, found in lives.items()}


def select_last_held(connection: Connection, series: Series) -> datetime | None:
    """Open time of the newest candle held, None when none is."""
    parameters = {"symbol": series.symbol, "timeframe": series.timeframe.value}
    held = connection.execute(_SQL("select_last_held"), parameters).scalar()
    return held if isinstance(held, datetime) else None


def select_held_bounds(connection: Connection, timeframe: Timeframe) -> dict[str, Span]:
    """From the slot of the oldest candle held to the end of the newest one's, a symbol."""
    rows = connection.execute(_SQL("select_held_bounds"), {"timeframe": timeframe.value})
    floor = timeframe.floor
    return {
        row.symbol: Span(floor(row.first_open_time), floor(row.last_open_time) + timeframe.length)
        for row in rows
    }


def record_errors(connection: Connection, failures: Mapping[Series, str]) -> None:
    """Keeps the last error of each series for people to see."""
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
