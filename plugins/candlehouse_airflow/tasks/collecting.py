"""The tasks of collecting runs.

The newest candles are little work: one task does all of it. History and gaps are
plan >> collect (as many groups as the work needs, at once) >> judge; where the work is one
process's, such as that of a usual month, `plan` does it and skips the others. Few tasks on
purpose: each is a process of its own, which costs about a second of a core and the scheduler
as much, while one process fetches for many symbols at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import Context, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowRescheduleException

from candlehouse.core.errors import CandlehouseError, CollectionIncomplete
from candlehouse.core.planning.windows import (
    Scope,
    Window,
    count_groups,
    scope_from_json,
    scope_to_json,
    split_groups,
)
from candlehouse.core.timeframe import Timeframe
from candlehouse_airflow.dag_parts.assets import candle_assets
from candlehouse_airflow.runtime.dag_runs import (
    find_unfinished,
    is_at_work,
    is_started_by_hand,
)
from candlehouse_airflow.runtime.failures import airflow_failures
from candlehouse_airflow.runtime.resources import load_task_settings, open_exchange
from candlehouse_airflow.tasks.collecting_steps import (
    collect_and_log,
    complete_and_log,
    find_scope,
    judge_and_log,
)

if TYPE_CHECKING:
    from candlehouse.pipelines.fetching.collect_options import CollectReport
    from candlehouse.pipelines.judging.verdicts import JudgeReport

POOL = "collect"
# As many as the pool has slots: one run alone uses all of it.
GROUPS = 4
_HISTORY = "collect_backward"
_FAILURES = "failures"
_LABEL = "label"
_LOOKS = 3
_LOOK_AGAIN_S = 2.0
# Each look is a process. What no run of a month brings may come so much later.
_HISTORY_MAY_TAKE = timedelta(minutes=2)

_log = logging.getLogger(__name__)


def wire_newest(timeframes: tuple[Timeframe, ...]) -> None:
    """Creates the one task that collects the newest candles; call inside its DAG's function.

    Args:
        timeframes: whose assets the task is the outlet of.
    """
    _ending(collect_newest, timeframes)()


def wire_history(window: Window, timeframes: tuple[Timeframe, ...]) -> None:
    """Creates the tasks of a DAG that collects history or gaps; call inside its function.

    Args:
        window: which part of the wanted ranges its runs collect.
        timeframes: whose assets the last task is the outlet of.
    """
    # Calling a task gives a reference to its later result.
    groups = cast(list[dict[str, Any]], _ending(plan, timeframes)(window.value))
    collected = collect.expand(group=groups)
    judged = _ending(judge, timeframes)(groups)
    collected >> judged


def _ending(last: Any, timeframes: tuple[Timeframe, ...]) -> Any:
    """A task that may be the last one of a run, with the candles' assets as outlets.

    A mapped task would send one event per instance.
    """
    return last.override(outlets=candle_assets(timeframes))


@task(pool=POOL, task_id="collect")
def collect_newest() -> None:
    """Checks the form, collects pending candles, and judges the missing ones.

    A wrong form fails without a retry. A series that fails does not stop the others; the task
    fails when all have ended, and is tried again.
    """
    context = get_current_context()
    with airflow_failures():
        asyncio.run(_collect_newest(context))


@task.short_circuit(pool=POOL)
def plan(window: str) -> list[dict[str, Any]]:
    """Checks the form, and does the work; much work is divided into groups for other tasks.

    A wrong form fails without a retry. A series that fails does not stop the others; the task
    fails when all have ended, and is tried again.

    Returns:
        One scope per group, as JSON; empty when nothing is left to do, which skips the tasks
        after this one.
    """
    context = get_current_context()
    with airflow_failures():
        _wait_for_history(Window(window), context)
        scopes = asyncio.run(_plan(Window(window), context))
    if scopes:
        # Other tasks do the work: this one must not update the assets.
        context["task"].outlets = []
    return [scope_to_json(scope) for scope in scopes]


@task(pool=POOL, map_index_template="{{ label }}")
def collect(group: dict[str, Any]) -> None:
    """Collects the pending candles of one group of symbols.

    A series that fails does not stop the others; the task fails when all have ended.
    """
    from candlehouse.pipelines.collecting.collect_run import require_complete
    from candlehouse.pipelines.collecting.run_summary import describe_requested

    context = get_current_context()
    scope = scope_from_json(group)
    cast("dict[str, Any]", context)[_LABEL] = ", ".join(scope.symbols)
    with airflow_failures():
        report = asyncio.run(_collect(scope))
        cast("dict[str, Any]", context)[_LABEL] = describe_requested(report.requested)
        try:
            require_complete(report)
        except CollectionIncomplete as error:
            context["ti"].xcom_push(_FAILURES, error.failures)
            raise


@task(trigger_rule=TriggerRule.ALL_DONE)
def judge(groups: list[dict[str, Any]] | None) -> None:
    """Gives the candles that are still missing their verdicts, then reports failed groups.

    Runs even if a group failed, so that the other groups get their verdicts; the run then fails
    here.
    """
    from candlehouse.pipelines.collecting.collect_run import require_complete

    context = get_current_context()
    with airflow_failures():
        if groups is None:
            raise NotPlanned("there is nothing to judge: plan failed, and its log says why")
        scopes = [scope_from_json(group) for group in groups]
        symbols = [symbol for scope in scopes for symbol in scope.symbols]
        require_complete(asyncio.run(_judge(scopes[0].narrow(symbols))))
        _require_groups(context, scopes)


class NotPlanned(CandlehouseError):
    """The task `plan` has failed, so there are no groups to judge."""


def _wait_for_history(
    window: Window, context: Context, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Reschedules a gap run that no person started while `collect_backward` works.

    Both would fetch the same candles. The state is checked several times, because between two
    tasks, and between two runs, no task of `collect_backward` is queued or running.

    Raises:
        AirflowRescheduleException: while `collect_backward` works; the task frees its slot.
    """
    if window is not Window.GAPS or is_started_by_hand(context):
        return
    for look in range(_LOOKS):
        if look:
            sleep(_LOOK_AGAIN_S)
        if is_at_work(context, _HISTORY):
            _log.info("waiting for %s, which may collect the missing candles", _HISTORY)
            again = datetime.now(UTC) + _HISTORY_MAY_TAKE
            raise AirflowRescheduleException(again)  # type: ignore[no-untyped-call]  # as it is


async def _collect_newest(context: Context) -> None:
    settings = load_task_settings()
    async with open_exchange(settings) as (warehouse, source):
        scope = await find_scope(Window.FORWARD, context, warehouse, source)
        if scope is not None:
            await complete_and_log(warehouse, source, scope)


async def _plan(window: Window, context: Context) -> list[Scope]:
    from candlehouse.pipelines.collecting.collect_run import plan_scope
    from candlehouse.pipelines.collecting.run_summary import describe_plan, describe_symbols

    settings = load_task_settings()
    async with open_exchange(settings) as (warehouse, source):
        scope = await find_scope(window, context, warehouse, source)
        if scope is None:
            return []
        planned = await plan_scope(warehouse, source, scope, register=True)
        _log.info("%s: %s", describe_symbols(scope.symbols), describe_plan(planned))
        if planned.is_empty:
            _log.info("nothing to do: every candle is stored or known to be absent")
            return []
        groups = split_groups(scope.symbols, count_groups(planned.cost.candles, GROUPS))
        if len(groups) == 1:
            await complete_and_log(warehouse, source, scope, planned)
            return []
    _log.info("%s symbols in %s groups", len(scope.symbols), len(groups))
    return [scope.narrow(group) for group in groups]


async def _collect(scope: Scope) -> CollectReport:
    settings = load_task_settings()
    async with open_exchange(settings) as (warehouse, source):
        return await collect_and_log(warehouse, source, scope)


async def _judge(scope: Scope) -> JudgeReport:
    settings = load_task_settings()
    async with open_exchange(settings) as (warehouse, source):
        return await judge_and_log(warehouse, source, scope)


def _require_groups(context: Context, scopes: list[Scope]) -> None:
    """Checks that no group has failed for good.

    Raises:
        CollectionIncomplete: naming each failed series, or the symbols of a failed group.
    """
    failures: dict[str, str] = {}
    for at in find_unfinished(context, "collect", len(scopes)):
        known = context["ti"].xcom_pull("collect", key=_FAILURES, map_indexes=at)
        failures |= known or dict.fromkeys(
            scopes[at].symbols, f"its group failed: see the log of collect [{at}]"
        )
    if failures:
        # A retry of this task would not collect them.
        raise CollectionIncomplete(failures, retryable=False)
