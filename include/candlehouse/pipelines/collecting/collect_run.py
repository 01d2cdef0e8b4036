"""Runs a collection, for the DAGs' tasks and for the command line.

`complete_scope` does everything in one process. To share the work, `collect_scope` runs
concurrently for several groups of symbols, and `judge_scope` runs once after all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.errors import CollectionIncomplete
from candlehouse.core.planning.fetch_plan import Fetch, PlanCost, plan_cost
from candlehouse.core.planning.windows import Scope, Window
from candlehouse.core.ports import CandleArchive, CandleSource
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.collecting.collect import collect
from candlehouse.pipelines.collecting.file_recheck import recheck_files, select_due
from candlehouse.pipelines.collecting.planning import Plan, plan_collection
from candlehouse.pipelines.collecting.requested_ranges import (
    RequestedRanges,
    find_requested,
    register_requested,
)
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.fetching.first_candles import FirstCandles
from candlehouse.pipelines.fetching.remainder import Remainder
from candlehouse.pipelines.judging.verdicts import JudgeReport, judge_gaps
from candlehouse.pipelines.venue.wiring import open_archive
from candlehouse.settings import Settings
from candlehouse.storage.completeness.loads import update_loads
from candlehouse.storage.limits.exchange_state import select_exchange_state
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class ScopePlan:
    """What a collection of a scope would do now.

    Attributes:
        now: the exchange's time.
        requested: the ranges to collect.
        plan: the fetches for their pending candles.
        cost: estimated cost of the fetches.
        due_files: how many published files would have their checksums compared again.
    """

    now: datetime
    requested: RequestedRanges = field(default_factory=lambda: RequestedRanges({}))
    plan: Plan = field(default_factory=lambda: Plan(()))
    cost: PlanCost = field(default_factory=PlanCost)
    due_files: int = 0

    @property
    def fetches(self) -> Sequence[Fetch]:
        """The files and pages to fetch, in order."""
        return self.plan.fetches

    @property
    def first(self) -> FirstCandles:
        """First candles that were requested from the exchange to make this plan."""
        return self.requested.first

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to fetch or compare, and no series failed in planning."""
        return not (self.fetches or self.due_files or self.first.failures)


async def complete_scope(
    warehouse: Warehouse,
    source: CandleSource,
    scope: Scope,
    planned: ScopePlan | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[CollectReport, JudgeReport]:
    """Collects the pending candles of a scope, then gives the missing ones their verdicts.

    Args:
        warehouse: to read from and to write to.
        source: the REST client.
        scope: window, symbols, timeframes and range to collect.
        planned: the result of `plan_scope` with `register`, made just now; None to plan here.
        progress: called after each batch with the number of slots that it has answered.
    """
    plan: Plan | None
    if planned is None:
        now = await source.fetch_time()
        requested, plan = await _find_and_register(warehouse, source, scope, now), None
    else:
        now, requested, plan = planned.now, planned.requested, planned.plan
    async with open_archive(warehouse) as archive:
        options = _options(warehouse.settings, progress, archive)
        collected = await _collect(warehouse, source, scope, requested, now, options, plan)
        judged = await judge_gaps(warehouse, source, requested.spans, now, options)
    await warehouse.write_in_thread(update_loads)
    return collected, judged


async def collect_scope(warehouse: Warehouse, source: CandleSource, scope: Scope) -> CollectReport:
    """Collects the pending candles of a scope; failed series are in the report."""
    now = await source.fetch_time()
    requested = await _find_and_register(warehouse, source, scope, now)
    async with open_archive(warehouse) as archive:
        options = _options(warehouse.settings, None, archive)
        return await _collect(warehouse, source, scope, requested, now, options)


async def _collect(
    warehouse: Warehouse,
    source: CandleSource,
    scope: Scope,
    requested: RequestedRanges,
    now: datetime,
    options: CollectOptions,
    plan: Plan | None = None,
) -> CollectReport:
    started = time.monotonic()
    report = await collect(warehouse, source, requested.spans, now, options, requested.parts, plan)
    if scope.window is Window.GAPS and options.archive is not None:
        report.written += await recheck_files(
            warehouse, options.archive, requested.spans, now, options.grace
        )
    report.failures.update(requested.first.failures)
    report.unknown.update(requested.first.unknown)
    report.first_candles += requested.first.requests
    report.requested = requested.spans
    report.seconds = time.monotonic() - started
    return report


async def judge_scope(warehouse: Warehouse, source: CandleSource, scope: Scope) -> JudgeReport:
    """Gives the missing candles of a scope their verdicts, and updates the record of loads.

    Series that the exchange gave no answer about are in the report's failures.
    """
    now = await source.fetch_time()
    requested = await _find_and_register(warehouse, source, scope, now)
    async with open_archive(warehouse) as archive:
        options = _options(warehouse.settings, None, archive)
        report = await judge_gaps(warehouse, source, requested.spans, now, options)
    await warehouse.write_in_thread(update_loads)
    report.failures.update(requested.first.failures)
    return report


async def plan_scope(
    warehouse: Warehouse,
    source: CandleSource,
    scope: Scope,
    *,
    register: bool = False,
) -> ScopePlan:
    """The fetches that a collection of a scope would make now, and what they would cost.

    Args:
        warehouse: to read from and to write to.
        source: the REST client, for first candles that are not known.
        scope: to be collected.
        register: store these and what is wanted, as collecting does; else nothing is stored.
    """
    now = await source.fetch_time()
    requested = await find_requested(warehouse, source, scope, now)
    if register:
        await register_requested(warehouse, requested)
    async with open_archive(warehouse) as archive:
        options = _options(warehouse.settings, None, archive)
        plan = await warehouse.in_thread(plan_collection, requested.spans, now, options,
            None if requested.parts is None else Remainder(requested.parts), requested.first.found,
        )  # fmt: skip
    looks = scope.window is Window.GAPS and warehouse.settings.archives
    due = await warehouse.in_thread(select_due, requested.spans, now) if looks else []
    limit = await warehouse.read_in_thread(_select_weight_limit)
    cost = plan_cost(plan.fetches, VENUE.rest, limit * warehouse.settings.weight_share / 60)
    return ScopePlan(now, requested, plan, cost, len(due))


def require_complete(*reports: CollectReport | JudgeReport | FirstCandles) -> None:
    """Raises for the series that failed in any of the reports.

    Raises:
        CollectionIncomplete: naming each failed series and why; to be tried again unless the
            exchange knows none of their symbols.
    """
    failures = {series: why for report in reports for series, why in report.failures.items()}
    unknown = {
        series
        for report in reports
        if not isinstance(report, JudgeReport)
        for series in report.unknown
    }
    if failures:
        by_name = {str(series): why for series, why in failures.items()}
        raise CollectionIncomplete(by_name, retryable=not failures.keys() <= unknown)


async def _find_and_register(
    warehouse: Warehouse, source: CandleSource, scope: Scope, now: datetime
) -> RequestedRanges:
    requested = await find_requested(warehouse, source, scope, now)
    await register_requested(warehouse, requested)
    return requested


def _select_weight_limit(connection: Connection) -> int:
    state = select_exchange_state(connection)
    return VENUE.rest.assumed_limit if state is None else state.weight_limit


def _options(
    settings: Settings,
    progress: Callable[[int], None] | None = None,
    archive: CandleArchive | None = None,
) -> CollectOptions:
    return CollectOptions(settings.batch_size, settings.close_grace, progress, archive=archive)
