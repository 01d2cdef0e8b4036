"""What the tasks of a collecting run do, once warehouse and exchange are there."""

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
    """What a run is to collect, with its symbols; None when nothing of it is wanted yet.

    Raises:
        ConfigurationError: for the first field of the form that is wrong.
        UniverseEmpty: when nobody may be a member.
    """
    from candlehouse.pipelines.collecting.run_summary import tell_span
    from candlehouse.pipelines.universe.symbols import require_symbols

    form = read_form(context, ranged=window is not Window.FORWARD)
    interval = read_interval(context) if window is Window.BACKWARD else None
    now = await source.fetch_time()
    scope = read_scope(window, form, interval, now)
    await require_symbols(warehouse, source, scope.symbols)
    span = window_span(scope, warehouse.settings.collection_start, now)
    clock = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if span is None and window is not Window.GAPS:
        _log.info("nothing to do: none of it is wanted while the exchange's clock says %s", clock)
        return None
    range_ = "everything that is missing" if span is None else tell_span(span)
    _log.info("%s; the exchange's clock says %s", range_, clock)
    return scope.narrow(await _find_symbols(warehouse, source, scope))


async def _find_symbols(warehouse: Warehouse, source: MarketData, scope: Scope) -> tuple[str, ...]:
    """The symbols of a run; takes the first snapshot of the universe if there is none."""
    from candlehouse.pipelines.collecting.asking import select_symbols
    from candlehouse.pipelines.universe.refresh import refresh_universe

    try:
        return select_symbols(warehouse, scope)
    except UniverseEmpty:
        await refresh_universe(warehouse, source)
        return select_symbols(warehouse, scope)


async def complete_and_tell(
    warehouse: Warehouse,
    source: MarketData,
    scope: Scope,
    planned: ScopePlan | None = None,
) -> None:
    """Collects a scope and judges what is missing in it, each in one line of the log.

    Args:
        warehouse: to read from and to write to.
        source: of the candles.
        scope: to be collected.
        planned: of the same, just now, if it was.

    Raises:
        CollectionIncomplete: naming each series that failed, when all are through.
    """
    from candlehouse.pipelines.collecting.collect_run import complete_scope, require_complete

    collected, judged = await complete_scope(warehouse, source, scope, planned)
    _tell_collected(collected)
    _tell_judged(judged)
    require_complete(collected, judged)


async def collect_and_tell(warehouse: Warehouse, source: MarketData, scope: Scope) -> CollectReport:
    """Collects a scope, and logs what came of it in one line."""
    from candlehouse.pipelines.collecting.collect_run import collect_scope

    report = await collect_scope(warehouse, source, scope)
    _tell_collected(report)
    return report


async def judge_and_tell(warehouse: Warehouse, source: MarketData, scope: Scope) -> JudgeReport:
    """Judges what is missing in a scope, and logs the verdicts in one line."""
    from candlehouse.pipelines.collecting.collect_run import judge_scope

    report = await judge_scope(warehouse, source, scope)
    _tell_judged(report)
    return report


def _tell_collected(report: CollectReport) -> None:
    from candlehouse.pipelines.collecting.run_summary import tell_asked, tell_collected

    _log.info("%s: %s", tell_asked(report.asked), tell_collected(report))


def _tell_judged(report: JudgeReport) -> None:
    from candlehouse.pipelines.collecting.run_summary import tell_verdicts

    _log.info("missing candles that got a verdict: %s", tell_verdicts(report))
