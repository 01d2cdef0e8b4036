"""Steps of the collecting tasks, with warehouse and exchange already open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.sdk import Context

from candlehouse.core.errors import UniverseEmpty
from candlehouse.core.planning.windows import Scope, Window, window_span
from candlehouse_airflow.dag_parts.forms import read_form, read_scope
from candlehouse_airflow.runtime.dag_runs import read_interval

if TYPE_CHECKING:
    from candlehouse.core.ports import MarketData
    from candlehouse.pipelines.collecting.collect_run import ScopePlan
    from candlehouse.pipelines.fetching.collect_options import CollectReport
    from candlehouse.pipelines.judging.verdicts import JudgeReport
    from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


async def find_scope(
    window: Window, context: Context, warehouse: Warehouse, source: MarketData
) -> Scope | None:
    """The scope of a run with its symbols; None when its range lies outside what is wanted.

    Raises:
        ConfigurationError: for the first field of the form that is wrong.
        UniverseEmpty: when there is no symbol to collect.
    """
    from candlehouse.pipelines.collecting.run_summary import describe_span
    from candlehouse.pipelines.universe.symbols import require_symbols

    form = read_form(context, ranged=window is not Window.FORWARD)
    interval = read_interval(context) if window is Window.BACKWARD else None
    now = await source.fetch_time()
    scope = read_scope(window, form, interval, now)
    await require_symbols(warehouse, source, scope.symbols)
    span = window_span(scope, warehouse.settings.collection_start, now)
    clock = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if span is None and window is not Window.GAPS:
        _log.info("nothing to do: the range is not wanted yet at the exchange's time %s", clock)
        return None
    range_ = "everything that is missing" if span is None else describe_span(span)
    _log.info("the range is %s; the exchange's time is %s", range_, clock)
    return scope.narrow(await _find_symbols(warehouse, source, scope))


async def _find_symbols(warehouse: Warehouse, source: MarketData, scope: Scope) -> tuple[str, ...]:
    """The symbols of a run; takes the first snapshot of the universe if there is none."""
    from candlehouse.pipelines.collecting.requested_ranges import select_symbols
    from candlehouse.pipelines.universe.refresh import refresh_universe

    try:
        return select_symbols(warehouse, scope)
    except UniverseEmpty:
        await refresh_universe(warehouse, source)
        return select_symbols(warehouse, scope)


async def complete_and_log(
    warehouse: Warehouse,
    source: MarketData,
    scope: Scope,
    planned: ScopePlan | None = None,
) -> None:
    """Collects a scope, judges its missing candles, and logs one line on each step.

    Args:
        warehouse: to read from and to write to.
        source: the REST client.
        scope: of the run.
        planned: plan of the scope, made just now; None to plan here.

    Raises:
        CollectionIncomplete: naming each series that failed, after all have ended.
    """
    from candlehouse.pipelines.collecting.collect_run import complete_scope, require_complete

    collected, judged = await complete_scope(warehouse, source, scope, planned)
    _log_collected(collected)
    _log_judged(judged)
    require_complete(collected, judged)


async def collect_and_log(warehouse: Warehouse, source: MarketData, scope: Scope) -> CollectReport:
    """Collects a scope, and logs one line on the result."""
    from candlehouse.pipelines.collecting.collect_run import collect_scope

    report = await collect_scope(warehouse, source, scope)
    _log_collected(report)
    return report


async def judge_and_log(warehouse: Warehouse, source: MarketData, scope: Scope) -> JudgeReport:
    """Judges the missing candles of a scope, and logs one line on the verdicts."""
    from candlehouse.pipelines.collecting.collect_run import judge_scope

    report = await judge_scope(warehouse, source, scope)
    _log_judged(report)
    return report


def _log_collected(report: CollectReport) -> None:
    from candlehouse.pipelines.collecting.run_summary import describe_collection, describe_requested

    _log.info("%s: %s", describe_requested(report.requested), describe_collection(report))


def _log_judged(report: JudgeReport) -> None:
    from candlehouse.pipelines.collecting.run_summary import describe_verdicts

    _log.info("missing candles that got a verdict: %s", describe_verdicts(report))
