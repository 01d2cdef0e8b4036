"""Creates partitions ahead of time, moves chunks to the columnstore, refreshes statistics."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)

# A partition must exist before the first candle of its year.
YEARS_AHEAD = 2

# Corrections of the newest days are common; after this they are rare enough to recompress.
COLUMNSTORE_AFTER = timedelta(days=7)


def has_timescale(connection: Connection) -> bool:
    """Whether the candles are stored in hypertables."""
    return bool(connection.execute(_SQL("has_timescale")).scalar_one())


def create_partitions_ahead(engine: Engine, now: datetime) -> None:
    """Creates the native partitions up to `YEARS_AHEAD` years after `now` (exchange time)."""
    for timeframe in Timeframe:
        for year in range(now.year, now.year + YEARS_AHEAD + 1):
            with engine.begin() as connection:
                connection.execute(
                    _SQL("create_partition"), {"timeframe": timeframe.value, "year": year}
                )


def convert_old_chunks(engine: Engine, now: datetime) -> list[str]:
    """Moves old chunks to the columnstore, one transaction per chunk.

    Args:
        engine: of a warehouse with TimescaleDB.
        now: the exchange's time; chunks that ended `COLUMNSTORE_AFTER` before it are moved.

    Returns:
        Names of the moved chunks, including converted chunks that had received new rows.
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
    """Analyses all tables of candles: autovacuum does not analyse partitioned parents."""
    for timeframe in Timeframe:
        with engine.begin() as connection:
            connection.execute(_SQL("analyze", timeframe))


def forget_old_weight(engine: Engine) -> None:
    """Deletes expired reservations of request weight."""
    with engine.begin() as connection:
        connection.execute(_SQL("forget_old_weight"))
