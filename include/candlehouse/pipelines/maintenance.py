"""The daily upkeep of the warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine

from candlehouse.storage.maintenance import (
    convert_old_chunks,
    create_partitions_ahead,
    forget_old_weight,
    has_timescale,
    refresh_statistics,
)


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What the upkeep did."""

    converted_chunks: list[str] = field(default_factory=list)


def maintain(engine: Engine, now: datetime) -> MaintenanceReport:
    """Partitions ahead or columnstore behind, then statistics; safe to run at any time.

    Args:
        engine: of the warehouse.
        now: the exchange's time.
    """
    with engine.connect() as connection:
        timescale = has_timescale(connection)
    converted: list[str] = []
    if timescale:
        converted = convert_old_chunks(engine, now)
    else:
        create_partitions_ahead(engine, now)
    refresh_statistics(engine)
    forget_old_weight(engine)
    return MaintenanceReport(converted)
