"""Flags of stored candles: those that the writer cannot determine, and complete recomputation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from candlehouse.core.model import Series, Span
from candlehouse.core.rules import (
    DUPLICATE_OPEN_TIME,
    JUMP_LEAST,
    JUMP_REACH,
    QUOTE_OUT_OF_RANGE,
    QUOTE_ROUNDING,
    join_flags,
)
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


class Suspect(NamedTuple):
    """A stored candle that has flags, or may need some.

    Attributes:
        stored: its present flags.
        of_values: flags derived from its own values and from the quarantine.
        closes: closes of the slots before it and its own, oldest first; empty when its close has
            not changed enough for a price jump.
    """

    open_time: datetime
    stored: tuple[str, ...]
    of_values: tuple[str, ...]
    closes: tuple[Decimal, ...]


def flag_duplicates(
    connection: Connection, timeframe: Timeframe, bounds: Mapping[str, object]
) -> None:
    """Flags the stored candle of each open time for which the quarantine has another row.

    The caller holds the locks of the series.

    Args:
        connection: in the caller's transaction.
        timeframe: of all the series.
        bounds: `symbols`, and the open times from `low` (inclusive) to `high` (exclusive).
    """
    parameters = {**bounds, "timeframe": timeframe.value, "flag": DUPLICATE_OPEN_TIME}
    for row in connection.execute(_SQL("select_duplicates", timeframe), parameters).all():
        flags = join_flags(DUPLICATE_OPEN_TIME, *(row.flags or ()))
        update_flags(connection, Series(row.symbol, timeframe), {row.open_time: flags})


def select_suspects(connection: Connection, series: Series, span: Span) -> list[Suspect]:
    """Candles that open in `span` and have flags or may need some, in order of open time."""
    timeframe = series.timeframe
    parameters = {
        "symbol": series.symbol,
        "timeframe": timeframe.value,
        "length": timeframe.length,
        "length_ms": timeframe.length_ms,
        "reach": JUMP_REACH * timeframe.length,
        "before": span.start - 2 * timeframe.length,
        "low": span.start,
        "high": span.end,
        "duplicate": DUPLICATE_OPEN_TIME,
        "quote_odd": QUOTE_OUT_OF_RANGE,
        "rounding": QUOTE_ROUNDING,
        "least": JUMP_LEAST,
    }
    return [
        Suspect(row.open_time, tuple(row.stored), tuple(row.of_values), tuple(row.closes))
        for row in connection.execute(_SQL("select_suspects", timeframe), parameters)
    ]


def update_flags(
    connection: Connection, series: Series, flags: Mapping[datetime, Sequence[str]]
) -> None:
    """Replaces the flags of candles of a series; an empty list removes them.

    The caller holds the lock of the series.

    Args:
        connection: in the caller's transaction.
        series: of all the candles.
        flags: by open time, at least one; best within a month, because the columnstore
            decompresses everything between the first and the last.
    """
    parameters = {
        "symbol": series.symbol,
        "low": min(flags),
        "high": max(flags),
        "opens": list(flags),
        # Joined, because a two-dimensional array needs equally long rows.
        "flags": [",".join(names) for names in flags.values()],
    }
    connection.execute(_SQL("lift_decompression_limit"))
    connection.execute(_SQL("update_flags", series.timeframe), parameters)
