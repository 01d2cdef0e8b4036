"""History, updates and repairs are this one act: plan what is pending, fetch it, store it.

Files of the archive and pages of REST are fetched side by side. What the archive does not
have is planned once more without it, and what the files of many series lack is asked about
a few of them first. A fetch that comes back short of what it was asked
for leaves a pending gap, never silence; `pipelines.judging.verdicts` then finds out why.
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
from candlehouse.pipelines.fetching.left_over import Left
from candlehouse.pipelines.fetching.rest_fetching import RestLoader
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.completeness.series import record_errors
from candlehouse.storage.warehouse import Warehouse

# A month's file that is missing is followed by files of days, those by REST, and where a few
# answers of REST contradict the files of many, by asking about each of these.
_ROUNDS = 4


async def collect(
    warehouse: Warehouse,
    source: CandleSource,
    asked: Mapping[Series, Span],
    now: datetime,
    options: CollectOptions,
    parts: Mapping[Series, Sequence[Span]] | None = None,
    plan: Plan | None = None,
) -> CollectReport:
    """Fetches and stores every pending candle of the ranges asked for.

    Args:
        warehouse: to read from and to write to.
        source: of the candles.
        asked: one half-open range per series; what lies after `now` is left out.
        now: the exchange's time.
        options: how.
        parts: what of these ranges is meant, on the slot grid; all of it when None.
        plan: what to fetch first, as it was just made of the same; None to make it now.

    Returns:
        A report; a series that failed is in its `failures` and does not stop the others.

    Raises:
        RateLimited: the exchange's gate stays closed; what came until then is stored.
        DatabaseUnavailable: likewise.
        WrongExchange: likewise, when the archive is another exchange's.
    """
    first = await fetch_and_store_first_candles(warehouse, source, asked)
    report = CollectReport(failures=dict(first.failures), unknown=set(first.unknown))
    report.first_candles = first.requests
    ready = {series: span for series, span in asked.items() if series not in report.failures}
    meant = None if parts is None else Left(parts)
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
) -> Left:
    """One round.

    Raises:
        RateLimited: when all files are stored.
    """
    files = [fetch for fetch in plan.fetches if fetch.file is not None]
    pages = [fetch for fetch in plan.fetches if fetch.file is None]
    gate: list[RateLimited] = []

    async def ask() -> None:
        try:
            await RestLoader(warehouse, source, now, options, report).run(pages)
        except RateLimited as error:
            # It closes REST alone: files cost no weight.
            gate.append(error)

    left = Left()
    if options.archive is None or not files:
        await ask()
    else:
        loader = ArchiveLoader(warehouse, options.archive, now, options, report)
        await run_together(loader.run(files), ask())
        left = loader.left
    if gate:
        raise gate[0]
    contradicted = await warehouse.in_thread(_find_contradicted, plan, report)
    return left.adding(contradicted)


def _find_contradicted(
    warehouse: Warehouse, plan: Plan, report: CollectReport
) -> dict[Series, list[Span]]:
    """What the series that were skipped must be asked for after all."""
    asked: dict[Timeframe, dict[str, Span]] = defaultdict(dict)
    for sample in plan.sampled:
        for series in sample.asked:
            known = asked[series.timeframe].setdefault(series.symbol, sample.span)
            whole = Span(known.start, max(known.end, sample.span.end))
            asked[series.timeframe][series.symbol] = whole
    answered: dict[Series, Sequence[Span]] = {}
    with warehouse.read() as connection:
        for timeframe, spans in asked.items():
            held = select_held(connection, timeframe, spans)
            for symbol, span in spans.items():
                series = Series(symbol, timeframe)
                failed = series in report.failures
                answered[series] = [span] if failed else held.get(symbol, [])
    return find_contradicted(plan.sampled, answered)
