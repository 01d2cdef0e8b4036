"""Collects pending candles: plan, fetch, store. History, updates and repairs all run this code.

Published files and REST pages are fetched concurrently. Ranges that the files did not bring are
planned again for REST; where the files of many series lack the same range, REST is asked about a
sample of them first. A fetch that brings less than it requested leaves a pending gap, which
`pipelines.judging.verdicts` then explains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from candlehouse.core.errors import RateLimited
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.fetch_plan import plan_cost
from candlehouse.core.planning.sampling import find_contradicted
from candlehouse.core.ports import CandleSource
from candlehouse.core.task_groups import run_together
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.collecting.planning import Plan, plan_collection
from candlehouse.pipelines.fetching.archive_fetching import ArchiveLoader
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.fetching.first_candles import fetch_and_store_first_candles
from candlehouse.pipelines.fetching.remainder import Remainder
from candlehouse.pipelines.fetching.rest_fetching import RestLoader
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.completeness.series import record_errors
from candlehouse.storage.warehouse import Warehouse

# At most: monthly files, daily files in their place, REST for a sample of series, and REST for
# all series where the sample has candles that the files lack.
_ROUNDS = 4


async def collect(
    warehouse: Warehouse,
    source: CandleSource,
    requested: Mapping[Series, Span],
    now: datetime,
    options: CollectOptions,
    parts: Mapping[Series, Sequence[Span]] | None = None,
    plan: Plan | None = None,
) -> CollectReport:
    """Fetches and stores every pending candle of the requested ranges.

    Args:
        warehouse: to read from and to write to.
        source: the REST client.
        requested: one half-open range per series; what lies after `now` is left out.
        now: the exchange's time.
        options: page size, archive, progress and the like.
        parts: the parts of these ranges to collect, on the slot grid; all of them when None.
        plan: what to fetch first, as it was just made of the same; None to make it now.

    Returns:
        A report; a series that failed is in its `failures` and does not stop the others.

    Raises:
        RateLimited: when the exchange's gate is closed; everything fetched before is stored.
        DatabaseUnavailable: when the database is lost; earlier batches are stored.
        WrongExchange: when the archive belongs to another exchange.
    """
    first = await fetch_and_store_first_candles(warehouse, source, requested)
    report = CollectReport(failures=dict(first.failures), unknown=set(first.unknown))
    report.first_candles = first.requests
    ready = {series: span for series, span in requested.items() if series not in report.failures}
    meant = None if parts is None else Remainder(parts)
    if plan is None:
        plan = await warehouse.in_thread(plan_collection, ready, now, options, meant)
    report.cost = plan_cost(plan.fetches, VENUE.rest)
    for _ in range(_ROUNDS):
        left = await _carry_out(warehouse, source, plan, now, options, report)
        if not left.spans:
            break
        options = replace(options, archive=None) if left.closed else options
        plan = await warehouse.in_thread(plan_collection, ready, now, options, left)
    if report.failures:
        await warehouse.write_in_thread(record_errors, report.failures)
    return report


async def _carry_out(
    warehouse: Warehouse,
    source: CandleSource,
    plan: Plan,
    now: datetime,
    options: CollectOptions,
    report: CollectReport,
) -> Remainder:
    """Carries out one plan; returns the ranges to be planned again.

    Raises:
        RateLimited: when REST's gate is closed; only raised after all files are stored.
    """
    files = [fetch for fetch in plan.fetches if fetch.file is not None]
    pages = [fetch for fetch in plan.fetches if fetch.file is None]
    gate: list[RateLimited] = []

    async def ask() -> None:
        try:
            await RestLoader(warehouse, source, now, options, report).run(pages)
        except RateLimited as error:
            # The gate closes REST alone: files cost no weight.
            gate.append(error)

    left = Remainder()
    if options.archive is None or not files:
        await ask()
    else:
        loader = ArchiveLoader(warehouse, options.archive, now, options, report)
        await run_together(loader.run(files), ask())
        left = loader.left
    if gate:
        raise gate[0]
    contradicted = await warehouse.in_thread(_find_contradicted, plan, report)
    return left.with_more(contradicted)


def _find_contradicted(
    warehouse: Warehouse, plan: Plan, report: CollectReport
) -> dict[Series, list[Span]]:
    """Ranges that must be requested for the series outside the sample after all."""
    requested: dict[Timeframe, dict[str, Span]] = defaultdict(dict)
    for sample in plan.sampled:
        for series in sample.asked:
            known = requested[series.timeframe].setdefault(series.symbol, sample.span)
            whole = Span(known.start, max(known.end, sample.span.end))
            requested[series.timeframe][series.symbol] = whole
    answered: dict[Series, Sequence[Span]] = {}
    with warehouse.read() as connection:
        for timeframe, spans in requested.items():
            held = select_held(connection, timeframe, spans)
            for symbol, span in spans.items():
                series = Series(symbol, timeframe)
                failed = series in report.failures
                answered[series] = [span] if failed else held.get(symbol, [])
    return find_contradicted(plan.sampled, answered)
