"""The daily upkeep of the warehouse."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.upkeep.maintenance import (
    convert_old_chunks,
    create_partitions_ahead,
    forget_old_weight,
    has_timescale,
    refresh_statistics,
)
from candlehouse.storage.upkeep.retention import drop_before


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What the upkeep did.

    Attributes:
        dropped_before: the moment before which nothing of a timeframe is held any more.
    """

    converted_chunks: list[str] = field(default_factory=list)
    dropped_before: dict[Timeframe, datetime] = field(default_factory=dict)


def maintain(
    engine: Engine,
    now: datetime,
    streamed_only: Collection[Timeframe] = (),
    retention: timedelta | None = None,
) -> MaintenanceReport:
    """Partitions ahead or columnstore behind, then statistics; safe to run at any time.

    Args:
        engine: of the warehouse.
        now: the exchange's time.
        streamed_only: timeframes whose history moves on.
        retention: how long these are kept, None for ever.
    """
    dropped: dict[Timeframe, datetime] = {}
    if retention is not None:
        dropped = {one: drop_before(engine, one, now - retention) for one in streamed_only}
    with engine.connect() as connection:
        timescale = has_timescale(connection)
    converted: list[str] = []
    if timescale:
        converted = convert_old_chunks(engine, now)
    else:
        create_partitions_ahead(engine, now)
    refresh_statistics(engine)
    forget_old_weight(engine)
    return MaintenanceReport(converted, dropped)
