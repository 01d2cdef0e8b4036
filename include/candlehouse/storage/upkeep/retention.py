"""Drops what is older than is wanted, so that data, counts and what is wanted always agree."""

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

# What goes, is cut or moves on with the candles.
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
        year: whose partition holds all that is dropped and nothing else, None when none does.
    """

    low: datetime
    boundary: datetime
    year: int | None = None


def drop_before(engine: Engine, timeframe: Timeframe, boundary: datetime) -> datetime:
    """Drops every candle of a timeframe that is only streamed and opened before a boundary.

    What is wanted, counted, missing or confirmed moves on in the transaction that drops the
    candles. With TimescaleDB that is one, which drops whole chunks; native partitions are
    emptied a year or a day at a time, so that no transaction is long and the server may go
    away between any two. The locks of all the timeframe's series are held in each.

    Args:
        engine: of the warehouse.
        timeframe: of which no history is collected.
        boundary: on the exchange's clock; floored to a UTC midnight, and to the border of a
            chunk.

    Returns:
        The boundary that holds: nothing older is held or wanted.

    Raises:
        StatementCancelled: when what is to be dropped stays in use for more than ten seconds.
        DatabaseUnavailable: when the server is out of reach.
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
    """Years that are over as a whole, then days; at least one step, the last to `boundary`."""
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
        # All candles are gone, those of a series too that was new when the locks were taken.
        symbols = _select_symbols(connection, timeframe)
    for name in _CUTS:
        connection.execute(_SQL(name), {**values, "symbols": symbols})
    connection.execute(_SQL("move_first_held", timeframe), {**values, "symbols": symbols})


def _select_symbols(connection: Connection, timeframe: Timeframe) -> list[str]:
    rows = connection.execute(_SQL("select_symbols"), {"timeframe": timeframe.value})
    return list(rows.scalars())
