"""Series whose history loads: how far they are, and which have loaded.

Rows of `market.loads` are made by a trigger where more of a series is wanted; only
`look_at_loads` ends them.
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
    """What loads of one timeframe; times are wall time.

    Attributes:
        series: of which anything is pending.
        pending: candles, as last looked.
        started_at: when the first of them began.
        still_since: since when the series that has stood still longest has brought nothing.
        stillest: the symbol of that one.
    """

    timeframe: str
    series: int
    pending: int
    started_at: datetime
    still_since: datetime
    stillest: str


def look_at_loads(connection: Connection) -> None:
    """Notes how far each load is, and ends those that are over; the caller commits.

    A load is over when nothing that is wanted of its series is pending, or all that is pending
    was asked for in vain for half an hour.
    """
    limits = {"settled": SETTLED_AFTER, "unwatched": UNWATCHED_AFTER}
    connection.execute(_SQL("look_at_loads"), limits)


def is_loading(connection: Connection) -> bool:
    """Whether the history of any series is being loaded right now, so that heavy work may wait.

    Costs a look at a few rows, however much is stored. A load that brings nothing for an hour,
    or takes longer than a day, counts no more: whoever waits need not bound the wait.
    """
    limits = {"longest": LONGEST_WAIT, "stalled": STALLED_AFTER, "unwatched": UNWATCHED_AFTER}
    return bool(connection.execute(_SQL("is_loading"), limits).scalar_one())


def select_loads(connection: Connection) -> list[Load]:
    """What loads, a timeframe each, as last looked at."""
    return [Load(**row) for row in connection.execute(_SQL("select_loads")).mappings()]
