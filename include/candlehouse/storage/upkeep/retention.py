"""Drops old candles, and keeps data, counts and wanted ranges consistent while doing so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from candlehouse.core.model import Series
from candlehouse.core.timeframe import DAY, Timeframe, midnight
from candlehouse.storage.candles.page_writer import lock_series
from candlehouse.storage.database.queries import load_queries
from candlehouse.storage.upkeep.maintenance import has_timescale

_SQL = load_queries(__file__)

# Statements for everything else that refers to the dropped range.
_CUTS = (
    "delete_counts", "delete_validated", "delete_confirmations", "delete_unmatched",
    "delete_gaps", "cut_gaps", "delete_checks", "cut_checks", "move_wanted",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Step:
    """One transaction.

    Attributes:
        low: no candle is older.
        boundary: a UTC midnight; nothing older is wanted afterwards.
        year: whose partition contains exactly the dropped candles, None where there is none.
    """

    low: datetime
    boundary: datetime
    year: int | None = None


def drop_before(engine: Engine, timeframe: Timeframe, boundary: datetime) -> datetime:
    """Drops every candle that opened before a boundary, of a timeframe that is only streamed.

    Wanted ranges, counts, gaps and confirmations are changed in the transaction that drops the
    candles. With TimescaleDB that is a single transaction, which drops whole chunks; native
    partitions are emptied one year or one day at a time, so that transactions stay short and the
    work can stop between any two. Each transaction holds the locks of all series of the timeframe.

    Args:
        engine: of the warehouse.
        timeframe: of which no history is collected.
        boundary: on the exchange's clock; rounded down to a UTC midnight, and to the border of a
            chunk.

    Returns:
        The effective boundary: nothing older is stored or wanted.

    Raises:
        StatementCancelled: when the candles to drop stay locked for more than ten seconds.
        DatabaseUnavailable: when the server cannot be reached.
    """
    with engine.connect() as connection:
        timescale = has_timescale(connection)
        final = _floor_to_border(connection, timeframe, boundary, timescale)
        first = connection.execute(
            _SQL("select_first_day"), {"timeframe": timeframe.value}
        ).scalar_one()
    begin = final if first is None else min(midnight(first), final)
    steps = [_Step(begin, final)] if timescale else plan_steps(begin, final)
    for step in steps:
        with engine.begin() as connection:
            _drop(connection, timeframe, step, timescale)
    return final


def plan_steps(begin: datetime, boundary: datetime) -> Iterator[_Step]:
    """Whole years that are over, then days; at least one step, the last one ends at `boundary`."""
    if begin == boundary:
        yield _Step(boundary, boundary)
    while begin < boundary:
        next_year = datetime(begin.year + 1, 1, 1, tzinfo=UTC)
        if next_year <= boundary:
            yield _Step(begin, next_year, begin.year)
            begin = next_year
        else:
            yield _Step(begin, begin + DAY)
            begin += DAY


def _floor_to_border(
    connection: Connection, timeframe: Timeframe, boundary: datetime, timescale: bool
) -> datetime:
    border = midnight(boundary.astimezone(UTC).date())
    while timescale:
        query = _SQL("select_straddling", timeframe)
        start = connection.execute(query, {"moment": border}).scalar()
        if start is None:
            break
        border = midnight(start.date())
    return border


def _drop(connection: Connection, timeframe: Timeframe, step: _Step, timescale: bool) -> None:
    connection.execute(_SQL("wait_shortly"))
    symbols = _select_symbols(connection, timeframe)
    lock_series(connection, [Series(symbol, timeframe) for symbol in symbols])
    values = {"timeframe": timeframe.value, "boundary": step.boundary, "length": timeframe.length}
    if timescale:
        connection.execute(_SQL("drop_chunks", timeframe), values)
    elif step.year is not None:
        connection.execute(_SQL("truncate_partition"), {**values, "year": step.year})
    else:
        bounds = {**values, "symbols": symbols, "low": step.low}
        connection.execute(_SQL("delete_candles", timeframe), bounds)
    if timescale or step.year is not None:
        # Includes series that appeared after the locks were taken: their candles are gone, too.
        symbols = _select_symbols(connection, timeframe)
    for name in _CUTS:
        connection.execute(_SQL(name), {**values, "symbols": symbols})
    connection.execute(_SQL("move_first_held", timeframe), {**values, "symbols": symbols})


def _select_symbols(connection: Connection, timeframe: Timeframe) -> list[str]:
    rows = connection.execute(_SQL("select_symbols"), {"timeframe": timeframe.value})
    return list(rows.scalars())
