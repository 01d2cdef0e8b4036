"""The daily upkeep of the warehouse."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.upkeep.maintenance import (
    convert_old_chunks,
    create_partitions_ahead,
    forget_old_weight,
    has_timescale,
    refresh_statistics,
)
from candlehouse.storage.upkeep.retention import drop_before
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What a run of maintenance did.

    Attributes:
        converted_chunks: names of the TimescaleDB chunks that were compressed.
        dropped_before: for each timeframe with a retention, the time before which its candles
            were dropped.
    """

    converted_chunks: list[str] = field(default_factory=list)
    dropped_before: dict[Timeframe, datetime] = field(default_factory=dict)


def maintain(
    warehouse: Warehouse,
    now: datetime,
    streamed_only: Collection[Timeframe] = (),
    retention: timedelta | None = None,
) -> MaintenanceReport:
    """Applies retention, creates partitions or compresses chunks, and refreshes statistics.

    Safe to run at any time, and again.

    Args:
        warehouse: to read from and to write to.
        now: the exchange's time.
        streamed_only: timeframes that are streamed but not collected.
        retention: how long their candles are kept; None to keep all.
    """
    dropped: dict[Timeframe, datetime] = {}
    if retention is not None:
        dropped = {
            one: drop_before(warehouse.engine, one, now - retention) for one in streamed_only
        }
    with warehouse.read() as connection:
        timescale = has_timescale(connection)
    converted: list[str] = []
    if timescale:
        converted = convert_old_chunks(warehouse.engine, now)
    else:
        create_partitions_ahead(warehouse.engine, now)
    refresh_statistics(warehouse.engine)
    forget_old_weight(warehouse.engine)
    return MaintenanceReport(converted, dropped)
