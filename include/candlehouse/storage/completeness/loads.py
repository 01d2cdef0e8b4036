"""Loads of history per series: their progress, and when they have ended.

A trigger adds rows to `market.loads` when more of a series is wanted; only `update_loads`
removes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.planning.loading import (
    LONGEST_WAIT,
    SETTLED_AFTER,
    STALLED_AFTER,
    UNWATCHED_AFTER,
)
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class Load:
    """The load of one timeframe; times are wall time.

    Attributes:
        series: number of series with pending candles.
        pending: number of pending candles at the last update.
        started_at: when the first of the loads began.
        stalled_since: since when the series that has stalled longest has received nothing.
        most_stalled: the symbol of that series.
    """

    timeframe: str
    series: int
    pending: int
    started_at: datetime
    stalled_since: datetime
    most_stalled: str


def update_loads(connection: Connection) -> None:
    """Updates the progress of each load, and ends finished loads; the caller commits.

    A load has finished when nothing that is wanted of its series is pending, or everything pending
    was asked for without result for `SETTLED_AFTER`.
    """
    limits = {"settled": SETTLED_AFTER, "unwatched": UNWATCHED_AFTER}
    connection.execute(_SQL("update_loads"), limits)


def is_loading(connection: Connection) -> bool:
    """Whether the history of any series is being loaded now, so that expensive work should wait.

    The query reads few rows, however much is stored. Loads that have stalled for `STALLED_AFTER` or
    take longer than `LONGEST_WAIT` are ignored, so the wait is bounded.
    """
    limits = {"longest": LONGEST_WAIT, "stalled": STALLED_AFTER, "unwatched": UNWATCHED_AFTER}
    return bool(connection.execute(_SQL("is_loading"), limits).scalar_one())


def select_loads(connection: Connection) -> list[Load]:
    """The loads, one row per timeframe, as of the last update."""
    return [Load(**row) for row in connection.execute(_SQL("select_loads")).mappings()]
