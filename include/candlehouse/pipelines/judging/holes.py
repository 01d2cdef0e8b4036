"""Selects the holes that have no verdict yet: slots that were requested and did not come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from candlehouse.core.gaps import clamp_span, intersect_spans, subtract_spans
from candlehouse.core.model import Gap, Span, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.completeness.gaps import select_gaps
from candlehouse.storage.completeness.series import select_series
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Holes:
    """Holes of one symbol that need a verdict.

    Attributes:
        first_open_time: open time of the exchange's first candle; None when it has none.
        first_asked_at: when the exchange was asked for its first candle; None when unknown.
        gaps: with the verdict `pending`; their evidence has the earlier checks.
    """

    first_open_time: datetime | None
    first_asked_at: datetime | None
    gaps: tuple[Gap, ...]


def select_holes(
    warehouse: Warehouse, timeframe: Timeframe, requested: Mapping[str, Span]
) -> dict[str, Holes]:
    """Pending gaps in the ranges, and the part of each range before the first candle.

    Args:
        warehouse: to read from.
        timeframe: of all the series.
        requested: one half-open range per symbol, on the slot grid.

    Returns:
        Holes by symbol; symbols without any are left out.
    """
    holes: dict[str, Holes] = {}
    with warehouse.read() as connection:
        rows = select_series(connection, [timeframe], sorted(requested))
        gaps = select_gaps(connection, timeframe, list(requested.items()))
    for series, row in rows.items():
        span = requested[series.symbol]
        known = gaps.get(series.symbol, [])
        first = span.end if row.first_open_time is None else timeframe.floor(row.first_open_time)
        before = clamp_span(span, Span(span.start, max(span.start, first)))
        unlisted = subtract_spans([before] if before else [], [gap.span for gap in known])
        found = [
            *(Gap(part, Verdict.PENDING) for part in unlisted),
            *(
                Gap(part, Verdict.PENDING, gap.evidence)
                for gap in known
                if gap.verdict is Verdict.PENDING
                for part in intersect_spans([gap.span], [span])
            ),
        ]
        if found:
            holes[series.symbol] = Holes(row.first_open_time, row.first_asked_at, tuple(found))
    return holes
