"""Is it complete, and do the counts say what the candles say?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """How one series stands; counts are of slots, and the last three add up to the first.

    Attributes:
        is_realtime: a stream brings its candles now.
        is_loading: what is pending is history that is being brought, and not late.
    """

    symbol: str
    timeframe: str
    expected: int
    present: int
    absent: int
    pending: int
    first_open_time: datetime | None
    last_open_time: datetime | None
    last_error: str | None
    is_realtime: bool
    is_loading: bool

    @property
    def complete_percent(self) -> float:
        """The part of the expected slots that is present or absent with a reason."""
        return 100.0 * (self.expected - self.pending) / self.expected if self.expected else 100.0


def select_status(
    connection: Connection,
    symbols: Sequence[str] | None = None,
    timeframes: Sequence[Timeframe] | None = None,
) -> list[SeriesStatus]:
    """A line a series that is wanted, held or was asked for, in order of symbol.

    Args:
        connection: any.
        symbols: only these; all when None.
        timeframes: only these; all when None.
    """
    parameters = {
        "symbols": None if symbols is None else list(symbols),
        "timeframes": None if timeframes is None else [t.value for t in timeframes],
    }
    rows = connection.execute(_SQL("select_totals"), parameters).mappings()
    return [SeriesStatus(**row) for row in rows]


def find_differences(connection: Connection) -> Iterator[str]:
    """Recomputes coverage from the candles, timeframe by timeframe.

    The server does the counting: what it keeps meanwhile, and what it may send, grows with
    the days there are and not with the candles.

    Yields:
        A sentence for each day whose count is wrong, each gap that a candle contradicts,
        each series whose row disagrees with its days and each pair of gaps that overlap;
        nothing when all is right.
    """
    for timeframe in Timeframe:
        parameters = {"timeframe": timeframe.value, "length": timeframe.length}
        for row in connection.execute(_SQL("find_wrong_days", timeframe), parameters):
            yield (
                f"{row.symbol} {timeframe} {row.day}: {row.counted} slots counted, {row.held} held"
            )
        for row in connection.execute(_SQL("find_contradicted_gaps", timeframe), parameters):
            yield (
                f"{row.symbol} {timeframe} gap [{row.gap_start}, {row.gap_end}):"
                f" a candle opens at {row.open_time}"
            )
    for row in connection.execute(_SQL("find_wrong_series")):
        series = f"{row.symbol} {row.timeframe}"
        if row.counted != row.of_days:
            yield f"{series}: {row.counted} slots in all, its days have {row.of_days}"
        if row.wrong_whole_day is not None:
            yield f"{series} {row.wrong_whole_day}: whole by the series or by the day, not both"
        if row.wrong_short_day is not None:
            yield f"{series} {row.wrong_short_day}: short by the series or by the day, not both"
    for row in connection.execute(_SQL("find_overlapping_gaps")):
        yield (
            f"{row.symbol} {row.timeframe} gap at {row.gap_start} begins before the one"
            f" ending at {row.previous_end} is over"
        )
