"""Partitions ahead of time, chunks into the columnstore, statistics."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)

# The year that begins next must be there before its first candle.
YEARS_AHEAD = 2

# Corrections of the newest days are common; after this they are rare enough to recompress.
COLUMNSTORE_AFTER = timedelta(days=7)


def has_timescale(connection: Connection) -> bool:
    """Whether the candles are in hypertables."""
    return bool(connection.execute(_SQL("has_timescale")).scalar_one())


def create_partitions_ahead(engine: Engine, now: datetime) -> None:
    """Makes the native partitions up to `YEARS_AHEAD` years after `now` (exchange time)."""
    for timeframe in Timeframe:
        for year in range(now.year, now.year + YEARS_AHEAD + 1):
            with engine.begin() as connection:
                connection.execute(
                    _SQL("create_partition"), {"timeframe": timeframe.value, "year": year}
                )


def convert_old_chunks(engine: Engine, now: datetime) -> list[str]:
    """Puts chunks that are over into the columnstore, a transaction each.

    Args:
        engine: of a warehouse with TimescaleDB.
        now: the exchange's time.

    Returns:
        The chunks converted, those that had been before and got new rows included.
    """
    with engine.connect() as connection:
        rows = connection.execute(
            _SQL("select_convertible_chunks"), {"before": now - COLUMNSTORE_AFTER}
        )
        chunks = [row.chunk for row in rows]
    for chunk in chunks:
        with engine.begin() as connection:
            connection.execute(_SQL("convert_chunk"), {"chunk": chunk})
    return chunks


def refresh_statistics(engine: Engine) -> None:
    """Statistics for the planner: native partitions never get their parent's by themselves."""
    for timeframe in Timeframe:
        with engine.begin() as connection:
            connection.execute(_SQL("analyze", timeframe))


def forget_old_weight(engine: Engine) -> None:
    """Deletes reservations of weight that no limit remembers."""
    with engine.begin() as connection:
        connection.execute(_SQL("forget_old_weight"))
