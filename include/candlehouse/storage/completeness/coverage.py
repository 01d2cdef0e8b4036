"""Completeness per series, and whether the stored counts agree with the candles."""

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
    """The completeness of one series; counts are of slots: present + absent + pending = expected.

    Attributes:
        is_realtime: whether a stream delivers its candles now.
        is_loading: whether pending slots are history that is being loaded, and so are not late.
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
        """The percentage of expected slots that are present, or absent with a reason."""
        return 100.0 * (self.expected - self.pending) / self.expected if self.expected else 100.0


def select_status(
    connection: Connection,
    symbols: Sequence[str] | None = None,
    timeframes: Sequence[Timeframe] | None = None,
) -> list[SeriesStatus]:
    """One row per series that is wanted, stored or was asked for, in order of symbol.

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
    """Recomputes coverage from the candles, one timeframe at a time.

    The server does the counting: memory and transfer grow with the number of days, not with the
    number of candles.

    Yields:
        One sentence per day with a wrong count, per gap that contains a candle, per series whose
        row disagrees with its days and per pair of overlapping gaps.
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
            yield f"{series} {row.wrong_whole_day}: only one of series and day says complete"
        if row.wrong_short_day is not None:
            yield f"{series} {row.wrong_short_day}: only one of series and day says short"
    for row in connection.execute(_SQL("find_overlapping_gaps")):
        yield (
            f"{row.symbol} {row.timeframe} gap at {row.gap_start} begins before the gap"
            f" that ends at {row.previous_end} is over"
        )
