"""History, updates and repairs are this one act: plan what is pending, fetch it, store it.

Files of the archive and pages of REST are fetched side by side. What the archive does not
have is planned once more without it. A fetch that comes back short of what it was asked
for leaves a pending gap, never silence; `pipelines.verdicts` then finds out why.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Engine

from candlehouse.core.archives import Published
from candlehouse.core.errors import ExchangeError, RateLimited, UnknownSymbol
from candlehouse.core.gaps import align_span, clamp_span, intersect_spans, merge_spans
from candlehouse.core.model import Series, Span
from candlehouse.core.plan import Fetch, find_pending, interleave, plan_cost, plan_fetches
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.archive_lane import ArchiveLane
from candlehouse.pipelines.lanes import run_together
from candlehouse.pipelines.options import CollectOptions, CollectReport
from candlehouse.pipelines.rest_lane import CONCURRENT_REQUESTS, RestLane
from candlehouse.storage.archives import select_files
from candlehouse.storage.candles import select_held
from candlehouse.storage.gaps import select_gaps
from candlehouse.storage.series import record_errors, select_series, upsert_first_open_times

# A month's file that is missing is followed by files of days, and those by REST.
_ROUNDS = 3


async def collect(
    engine: Engine,
    source: CandleSource,
    asked: Mapping[Series, Span],
    now: datetime,
    options: CollectOptions,
) -> CollectReport:
    """Fetches and stores every pending candle of the ranges asked for.

    Args:
        engine: of the warehouse.
        source: of the candles.
        asked: a range a series; what lies after `now` is left out.
        now: the exchange's time.
        options: how.

    Returns:
        A report; a series that failed is in its `failures` and does not stop the others.

    Raises:
        RateLimited: the exchange's gate stays closed; what came until then is stored.
        DatabaseUnavailable: likewise.
        WrongExchange: likewise, when the archive is another exchange's.
    """
    report = CollectReport()
    report.failures.update(await learn_first_candles(engine, source, asked))
    ready = {series: span for series, span in asked.items() if series not in report.failures}
    fetches = await asyncio.to_thread(plan_collection, engine, ready, now, options)
    report.cost = plan_cost(fetches)
    for _ in range(_ROUNDS):
        unanswered, closed = await _carry_out(engine, source, fetches, now, options, report)
        if not unanswered:
            break
        options = replace(options, archive=None) if closed else options
        fetches = await asyncio.to_thread(
            plan_collection, engine, ready, now, options, within=unanswered
        )
    if report.failures:
        await asyncio.to_thread(_record_failures, engine, report.failures)
    return report


async def _carry_out(
    engine: Engine,
    source: CandleSource,
    fetches: Sequence[Fetch],
    now: datetime,
    options: CollectOptions,
    report: CollectReport,
) -> tuple[Mapping[Series, Sequence[Span]], bool]:
    """One round.

    Returns:
        What the archive left open, and whether it is out of reach.

    Raises:
        RateLimited: when all files are stored.
    """
    files = [fetch for fetch in fetches if fetch.file is not None]
    pages = [fetch for fetch in fetches if fetch.file is None]
    gate: list[RateLimited] = []

    async def ask() -> None:
        try:
            await RestLane(engine, source, now, options, report).run(pages)
        except RateLimited as error:
            # It closes REST alone: files cost no weight.
            gate.append(error)

    if options.archive is None or not files:
        await ask()
        unanswered, closed = {}, False
    else:
        lane = ArchiveLane(engine, options.archive, now, options, report)
        await run_together(lane.run(files), ask())
        unanswered, closed = dict(lane.unanswered), lane.closed
    if gate:
        raise gate[0]
    return unanswered, closed


async def learn_first_candles(
    engine: Engine, source: CandleSource, asked: Collection[Series]
) -> dict[Series, str]:
    """Asks for the first candle of every series of which it is not known.

    Returns:
        Why, for each series whose first candle could not be asked.
    """
    timeframes = sorted({series.timeframe for series in asked}, key=str)
    symbols = sorted({series.symbol for series in asked})
    known = await asyncio.to_thread(_select_first_open_times, engine, timeframes, symbols)
    unknown = [series for series in asked if known.get(series) is None]
    if not unknown:
        return {}
    failures: dict[Series, str] = {}
    found: dict[Series, datetime | None] = {}
    gate = asyncio.Semaphore(CONCURRENT_REQUESTS)

    async def learn(series: Series) -> None:
        async with gate:
            try:
                found[series] = await source.fetch_first_open_time(series)
            except RateLimited:
                raise
            except UnknownSymbol:
                failures[series] = "the exchange does not know this symbol"
            except ExchangeError as error:
                failures[series] = str(error)

    await asyncio.gather(*(learn(series) for series in unknown))
    await asyncio.to_thread(_save_first_open_times, engine, found)
    return failures


def plan_collection(
    engine: Engine,
    asked: Mapping[Series, Span],
    now: datetime,
    options: CollectOptions,
    within: Mapping[Series, Sequence[Span]] | None = None,
) -> list[Fetch]:
    """The fetches that bring everything pending in the ranges asked for.

    What lies before a series' first candle, or has not closed at `now`, is not fetched.

    Args:
        engine: of the warehouse.
        asked: a range a series.
        now: the exchange's time.
        options: how.
        within: only what is pending in these ranges; all of it when None.
    """
    by_timeframe: dict[Timeframe, dict[str, Span]] = defaultdict(dict)
    for series, span in asked.items():
        if within is None or series in within:
            by_timeframe[series.timeframe][series.symbol] = align_span(span, series.timeframe)
    plans: dict[Series, Sequence[Fetch]] = {}
    with engine.connect() as connection:
        for timeframe, spans in by_timeframe.items():
            fetchable = _find_fetchable(connection, timeframe, spans, now)
            held = select_held(connection, timeframe, fetchable)
            gaps = select_gaps(connection, timeframe, list(fetchable.items()))
            published = _find_published(connection, timeframe, fetchable, now, options)
            for symbol, span in fetchable.items():
                series = Series(symbol, timeframe)
                pending = find_pending(span, held.get(symbol, []), gaps.get(symbol, []), now)
                if within is not None:
                    pending = intersect_spans(pending, within[series])
                pending = _with_unconfirmed(pending, series, span, options)
                settling = span if span.end == timeframe.floor(now) else None
                plans[series] = plan_fetches(
                    series, pending, span, options.page_slots, published, settling
                )
    return interleave(plans)


def _find_fetchable(
    connection: Connection, timeframe: Timeframe, asked: Mapping[str, Span], now: datetime
) -> dict[str, Span]:
    """What of each range the exchange has closed candles for, as far as is known."""
    closed = timeframe.floor(now)
    fetchable: dict[str, Span] = {}
    for series, row in select_series(connection, [timeframe], sorted(asked)).items():
        if row.first_open_time is None:
            continue
        bounds = Span(timeframe.floor(row.first_open_time), closed)
        if part := clamp_span(asked[series.symbol], bounds):
            fetchable[series.symbol] = part
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
    return Published(now, known)


def _with_unconfirmed(
    pending: list[Span], series: Series, fetchable: Span, options: CollectOptions
) -> list[Span]:
    held = options.confirm.get(series) if options.confirm else None
    part = clamp_span(align_span(held, series.timeframe), fetchable) if held else None
    return merge_spans([*pending, part]) if part else pending


def _select_first_open_times(
    engine: Engine, timeframes: Sequence[Timeframe], symbols: Sequence[str]
) -> dict[Series, datetime | None]:
    with engine.connect() as connection:
        rows = select_series(connection, timeframes, symbols)
    return {series: row.first_open_time for series, row in rows.items()}


def _save_first_open_times(engine: Engine, found: Mapping[Series, datetime | None]) -> None:
    with engine.begin() as connection:
        upsert_first_open_times(connection, found)


def _record_failures(engine: Engine, failures: Mapping[Series, str]) -> None:
    with engine.begin() as connection:
        record_errors(connection, failures)
