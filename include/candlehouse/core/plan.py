"""What to ask for, and what it costs: pending ranges cut into fetches.

pending = asked - held - known absent
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from candlehouse.core.gaps import subtract_spans
from candlehouse.core.model import Gap, Series, Source, Span, Verdict

# Weight of one klines request, whatever its limit is (the exchange's REST documentation).
REST_PAGE_WEIGHT = 2

# A candle may still move for a moment after it closed, and a request costs the same for one
# candle as for a full page: so a fetch of the newest candles looks at these again.
SETTLING_SLOTS = 3


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request: the candles of `series` that open in `span`, from `source`."""

    series: Series
    span: Span
    source: Source


@dataclass(frozen=True, slots=True)
class PlanCost:
    """What a plan costs before it is carried out."""

    requests: int
    weight: int
    candles: int


def find_pending(
    asked: Span, held: Sequence[Span], gaps: Iterable[Gap], now: datetime
) -> list[Span]:
    """The ranges to fetch: asked for, not held, and not known to be absent.

    A verdict whose next check is due at `now` (the exchange's time) no longer counts
    as known.
    """
    absent = [
        gap.span
        for gap in gaps
        if gap.verdict is not Verdict.PENDING
        and (gap.next_check_at is None or gap.next_check_at > now)
    ]
    return subtract_spans([asked], [*held, *absent])


def plan_pages(
    series: Series, pending: Sequence[Span], page_slots: int, settling: Span | None = None
) -> list[Fetch]:
    """The fewest REST pages that cover every pending slot, oldest first.

    Ranges that fit one page together are asked for together: what is held between them
    costs nothing more.

    Args:
        series: whose candles.
        pending: sorted, disjoint, on the slot grid.
        page_slots: candles a page may bring.
        settling: a range that ends where the newest candle ends; a page that ends there
            reaches back `SETTLING_SLOTS` more, as far as this range goes and no other
            page does.
    """
    length = series.timeframe.length
    pages: list[Span] = []
    for span in pending:
        start = span.start
        if pages and span.start < pages[-1].start + page_slots * length:
            end = min(span.end, pages[-1].start + page_slots * length)
            pages[-1] = Span(pages[-1].start, end)
            start = end
        while start < span.end:
            end = min(span.end, start + page_slots * length)
            pages.append(Span(start, end))
            start = end
    if settling is not None and pages and pages[-1].end == settling.end:
        floor = pages[-2].end if len(pages) > 1 else settling.start
        pages[-1] = _reach_back(pages[-1], max(floor, settling.start), length, page_slots)
    return [Fetch(series, span, Source.REST) for span in pages]


def _reach_back(page: Span, floor: datetime, length: timedelta, page_slots: int) -> Span:
    room = page_slots - (page.end - page.start) // length
    back = min(SETTLING_SLOTS, room)
    return Span(max(floor, page.start - back * length), page.end)


def plan_cost(fetches: Iterable[Fetch]) -> PlanCost:
    """What carrying out `fetches` asks of the exchange, at the least."""
    listed = list(fetches)
    return PlanCost(
        requests=len(listed),
        weight=REST_PAGE_WEIGHT * len(listed),
        candles=sum((f.span.end - f.span.start) // f.series.timeframe.length for f in listed),
    )


def interleave(plans: Mapping[Series, Sequence[Fetch]]) -> list[Fetch]:
    """All fetches, the first of each series before the second of any.

    No series waits for another's whole history, and a writer's batch spreads over many
    series instead of holding one for long.
    """
    queues = [list(plans[series]) for series in sorted(plans, key=_series_key)]
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[at] for at in range(longest) for queue in queues if at < len(queue)]


def _series_key(series: Series) -> tuple[str, str]:
    return series.symbol, series.timeframe.value
