"""Finds the pending candles in the requested ranges, and plans their fetches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.gaps import (
    align_span,
    clamp_span,
    intersect_spans,
    merge_spans,
    subtract_spans,
)
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.fetch_plan import Fetch, find_pending, interleave, plan_fetches
from candlehouse.core.planning.published_files import Published
from candlehouse.core.planning.sampling import SampledRange, plan_sampling, skipped_spans
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.fetching.collect_options import CollectOptions
from candlehouse.pipelines.fetching.remainder import Remainder
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.completeness.gaps import select_gaps
from candlehouse.storage.completeness.series import select_series
from candlehouse.storage.truth.loaded_files import select_files
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fetch.

    Attributes:
        fetches: the first of each series before the second of any.
        sampled: ranges that are requested for a sample of the series that lack them.
    """

    fetches: Sequence[Fetch]
    sampled: Sequence[SampledRange] = ()


@dataclass(frozen=True, slots=True)
class _Pending:
    """Pending ranges of one series.

    Attributes:
        fetchable: the range that the exchange has closed candles for, as far as is known.
        spans: the pending parts of it, sorted and disjoint.
    """

    fetchable: Span
    spans: Sequence[Span]


def plan_collection(
    warehouse: Warehouse,
    requested: Mapping[Series, Span],
    now: datetime,
    options: CollectOptions,
    left: Remainder | None = None,
    first_candles: Mapping[Series, datetime | None] | None = None,
) -> Plan:
    """Plans the fetches of all pending candles in the requested ranges.

    Slots before a series' first candle, and slots that have not closed at `now`, are not
    fetched. Ranges that the files of many series lack are requested for a sample of them.

    Args:
        warehouse: to read from.
        requested: one half-open range per series.
        now: the exchange's time.
        options: page size and archive.
        left: ranges that the round before has left open, to plan only these; all when None.
        first_candles: first open times that are known and not stored yet.
    """
    by_timeframe: dict[Timeframe, dict[str, Span]] = defaultdict(dict)
    for series, span in requested.items():
        if left is None or series in left.spans:
            by_timeframe[series.timeframe][series.symbol] = align_span(span, series.timeframe)
    pending: dict[Series, _Pending] = {}
    published: dict[Timeframe, Published | None] = {}
    with warehouse.read() as connection:
        for timeframe, spans in by_timeframe.items():
            fetchable = _find_fetchable(connection, timeframe, spans, now, first_candles or {})
            pending |= _find_pending(connection, timeframe, fetchable, now, options)
            published[timeframe] = _find_published(connection, timeframe, fetchable, now, options)
    sampled: list[SampledRange] = []
    if left is not None:
        pending = _narrow(pending, left.spans)
        sampled = plan_sampling(_intersect(pending, left.lacking))
        pending = _skip(pending, skipped_spans(sampled))
    plans = {
        series: plan_fetches(
            series,
            found.spans,
            found.fetchable,
            options.page_slots,
            VENUE.rest,
            published[series.timeframe],
            _settling(series, found.fetchable, now),
        )
        for series, found in pending.items()
    }
    return Plan(interleave(plans), sampled)


def _find_pending(
    connection: Connection,
    timeframe: Timeframe,
    fetchable: Mapping[str, Span],
    now: datetime,
    options: CollectOptions,
) -> dict[Series, _Pending]:
    held = select_held(connection, timeframe, fetchable)
    gaps = select_gaps(connection, timeframe, list(fetchable.items()))
    found = {}
    for symbol, span in fetchable.items():
        series = Series(symbol, timeframe)
        pending = find_pending(span, held.get(symbol, []), gaps.get(symbol, []), now)
        found[series] = _Pending(span, _with_unconfirmed(pending, series, span, options))
    return found


def _narrow(
    pending: Mapping[Series, _Pending], spans: Mapping[Series, Sequence[Span]]
) -> dict[Series, _Pending]:
    return {
        series: replace(found, spans=intersect_spans(found.spans, spans[series]))
        for series, found in pending.items()
    }


def _skip(
    pending: Mapping[Series, _Pending], skipped: Mapping[Series, Sequence[Span]]
) -> dict[Series, _Pending]:
    return {
        series: replace(found, spans=subtract_spans(found.spans, skipped.get(series, ())))
        for series, found in pending.items()
    }


def _intersect(
    pending: Mapping[Series, _Pending], spans: Mapping[Series, Sequence[Span]]
) -> dict[Series, list[Span]]:
    return {
        series: intersect_spans(found.spans, spans[series])
        for series, found in pending.items()
        if series in spans
    }


def _settling(series: Series, fetchable: Span, now: datetime) -> Span | None:
    return fetchable if fetchable.end == series.timeframe.floor(now) else None


def _find_fetchable(
    connection: Connection,
    timeframe: Timeframe,
    requested: Mapping[str, Span],
    now: datetime,
    first_candles: Mapping[Series, datetime | None],
) -> dict[str, Span]:
    """The part of each range that the exchange has closed candles for, as far as is known."""
    closed = timeframe.floor(now)
    fetchable: dict[str, Span] = {}
    rows = select_series(connection, [timeframe], sorted(requested))
    first = {series: row.first_open_time for series, row in rows.items()} | dict(first_candles)
    for symbol, span in sorted(requested.items()):
        opens = first.get(Series(symbol, timeframe))
        if opens is None:
            continue
        if part := clamp_span(span, Span(timeframe.floor(opens), closed)):
            fetchable[symbol] = part
    return fetchable


def _find_published(
    connection: Connection,
    timeframe: Timeframe,
    fetchable: Mapping[str, Span],
    now: datetime,
    options: CollectOptions,
) -> Published | None:
    if options.archive is None or not fetchable:
        return None
    start = min(span.start for span in fetchable.values())
    end = max(span.end for span in fetchable.values())
    known = select_files(connection, timeframe, sorted(fetchable), Span(start, end))
    return Published(now, VENUE.archive, known)


def _with_unconfirmed(
    pending: list[Span], series: Series, fetchable: Span, options: CollectOptions
) -> list[Span]:
    held = options.confirm.get(series) if options.confirm else None
    part = clamp_span(align_span(held, series.timeframe), fetchable) if held else None
    return merge_spans([*pending, part]) if part else pending
