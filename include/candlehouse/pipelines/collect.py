"""History, updates and repairs are this one act: plan what is pending, fetch it, store it.

A fetch that comes back short of what it was asked for leaves a pending gap, never
silence; `pipelines.verdicts` then finds out why.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from candlehouse.core.errors import ExchangeError, RateLimited, UnknownSymbol
from candlehouse.core.gaps import align_span, clamp_span, count_slots, merge_spans
from candlehouse.core.model import Page, Series, Span
from candlehouse.core.plan import Fetch, PlanCost, find_pending, interleave, plan_cost, plan_pages
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.paging import fetch_pages
from candlehouse.pipelines.store import store_pages
from candlehouse.storage.candles import Written, select_held
from candlehouse.storage.gaps import select_gaps
from candlehouse.storage.series import record_errors, select_series, upsert_first_open_times

log = logging.getLogger(__name__)

# Enough requests under way to use the whole weight limit at 300 ms an answer.
CONCURRENT_REQUESTS = 16

# Pages that one transaction takes at the most: larger ones cost memory and hold locks longer.
BATCH_PAGES = 32


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How to collect.

    Attributes:
        page_slots: candles a REST page, at most 1000.
        grace: how long after its close a candle may be missing unremarked.
        progress: called with the number of candles answered for, after each batch.
        confirm: ranges of held candles that are fetched all the same, to be compared;
            given even if empty, the comparison is kept on record.
    """

    page_slots: int = 1000
    grace: timedelta = timedelta(minutes=10)
    progress: Callable[[int], None] | None = None
    confirm: Mapping[Series, Span] | None = None


@dataclass(slots=True)
class CollectReport:
    """What a collection did.

    Attributes:
        cost: of the plan it began with.
        failures: why, for each series that failed; what others brought is stored.
    """

    cost: PlanCost = field(default_factory=lambda: PlanCost(0, 0, 0))
    written: Written = field(default_factory=Written)
    failures: dict[Series, str] = field(default_factory=dict)


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
    """
    report = CollectReport()
    report.failures.update(await learn_first_candles(engine, source, asked))
    ready = {series: span for series, span in asked.items() if series not in report.failures}
    fetches = await asyncio.to_thread(plan_collection, engine, ready, now, options)
    report.cost = plan_cost(fetches)
    if fetches:
        await _Executor(engine, source, now, options, report).run(fetches)
    if report.failures:
        await asyncio.to_thread(_record_failures, engine, report.failures)
    return report


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
    engine: Engine, asked: Mapping[Series, Span], now: datetime, options: CollectOptions
) -> list[Fetch]:
    """The fetches that bring everything pending in the ranges asked for.

    What lies before a series' first candle, or has not closed at `now`, is not fetched.
    """
    by_timeframe: dict[Timeframe, dict[str, Span]] = defaultdict(dict)
    for series, span in asked.items():
        by_timeframe[series.timeframe][series.symbol] = align_span(span, series.timeframe)
    plans: dict[Series, Sequence[Fetch]] = {}
    with engine.connect() as connection:
        for timeframe, spans in by_timeframe.items():
            rows = select_series(connection, [timeframe], sorted(spans))
            closed = timeframe.floor(now)
            fetchable: dict[str, Span] = {}
            for series, row in rows.items():
                if row.first_open_time is None:
                    continue
                bounds = Span(timeframe.floor(row.first_open_time), closed)
                if part := clamp_span(spans[series.symbol], bounds):
                    fetchable[series.symbol] = part
            held = select_held(connection, timeframe, fetchable)
            gaps = select_gaps(connection, timeframe, list(fetchable.items()))
            for symbol, span in fetchable.items():
                series = Series(symbol, timeframe)
                pending = find_pending(span, held.get(symbol, []), gaps.get(symbol, []), now)
                pending = _with_unconfirmed(pending, series, span, options)
                settling = span if span.end == closed else None
                plans[series] = plan_pages(series, pending, options.page_slots, settling)
    return interleave(plans)


def _with_unconfirmed(
    pending: list[Span], series: Series, fetchable: Span, options: CollectOptions
) -> list[Span]:
    held = options.confirm.get(series) if options.confirm else None
    part = clamp_span(align_span(held, series.timeframe), fetchable) if held else None
    return merge_spans([*pending, part]) if part else pending


class _Executor:
    """Fetches many pages at once and writes them in batches, from one thread of its own."""

    def __init__(
        self,
        engine: Engine,
        source: CandleSource,
        now: datetime,
        options: CollectOptions,
        report: CollectReport,
    ) -> None:
        self._engine = engine
        self._source = source
        self._now = now
        self._options = options
        self._report = report
        # Bounded, so that fetching waits for writing and memory stays flat.
        self._pages: asyncio.Queue[Page | None] = asyncio.Queue(2 * BATCH_PAGES)

    async def run(self, fetches: Sequence[Fetch]) -> None:
        todo = iter(fetches)
        writer = asyncio.create_task(self._write())
        workers = [asyncio.create_task(self._fetch(todo)) for _ in range(CONCURRENT_REQUESTS)]
        try:
            await self._wait(workers, writer)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            if not writer.done():
                # What weight was spent on is stored, whatever ended the fetching.
                await self._pages.put(None)
            await writer

    async def _wait(
        self, workers: Sequence[asyncio.Task[None]], writer: asyncio.Task[None]
    ) -> None:
        """Until every worker is done, or the first of all tasks fails."""
        running = {*workers, writer}
        while running - {writer}:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task

    async def _fetch(self, todo: Iterator[Fetch]) -> None:
        for fetch in todo:
            if fetch.series in self._report.failures:
                continue
            try:
                async for page in fetch_pages(
                    self._source, fetch.series, fetch.span, self._options.page_slots
                ):
                    await self._pages.put(page)
            except RateLimited:
                raise
            except ExchangeError as error:
                log.warning("%s %s failed: %s", fetch.series, fetch.span, error)
                self._report.failures[fetch.series] = str(error)

    async def _write(self) -> None:
        more = True
        while more:
            batch: list[Page] = []
            while more and len(batch) < BATCH_PAGES and (not batch or not self._pages.empty()):
                page = await self._pages.get()
                if page is None:
                    more = False
                else:
                    batch.append(page)
            if batch:
                await self._store(batch)

    async def _store(self, batch: Sequence[Page]) -> None:
        written = await asyncio.to_thread(
            store_pages,
            self._engine,
            batch,
            self._now,
            self._options.grace,
            confirming=self._options.confirm is not None,
        )
        self._report.written += written
        if self._options.progress is not None:
            self._options.progress(
                sum(count_slots([page.span], page.series.timeframe) for page in batch)
            )


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
