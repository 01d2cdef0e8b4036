"""The tasks of a collecting run: plan >> collect (a few groups at once) >> judge.

Few tasks on purpose: each is a process of its own, which costs a second or two, while
one process fetches for many symbols at once.
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

from candlehouse.core.errors import CollectionIncomplete, UniverseEmpty
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.windows import (
    Scope,
    Window,
    scope_from_json,
    scope_to_json,
    split_groups,
    window_span,
)
from candlehouse.settings import Settings
from candlehouse_airflow.assets import candle_assets
from candlehouse_airflow.failures import told_clearly
from candlehouse_airflow.forms import read_form, read_scope
from candlehouse_airflow.resources import load_task_settings, open_warehouse
from candlehouse_airflow.runs import (
    find_unfinished,
    is_at_work,
    is_started_by_hand,
    read_interval,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from candlehouse.exchange.rest import RestSource

POOL = "collect"
# As many as the pool has slots: one run alone uses all of it.
GROUPS = 4
_HISTORY = "collect_backward"
_FAILURES = "failures"
_LOOKS = 3
_LOOK_AGAIN_S = 2.0
_HISTORY_MAY_TAKE = timedelta(seconds=30)

_log = logging.getLogger(__name__)


def wire_collection(window: Window, timeframes: tuple[Timeframe, ...]) -> None:
    """Makes the tasks of a collecting DAG; call inside its function.

    Args:
        window: what part of the wanted its runs are about.
        timeframes: whose assets the last task is the outlet of.
    """
    # What a task call gives is a reference to its later result.
    groups = cast(list[dict[str, Any]], plan(window.value))
    collected = collect.expand(group=groups)
    # Only here: of a mapped task each instance would send an event.
    judged = judge.override(outlets=candle_assets(timeframes))(groups)
    collected >> judged


@task
def plan(window: str) -> list[dict[str, Any]]:
    """Checks the form and deals the symbols out.

    What is wrong with the form fails at once: no retry would mend it.

    Returns:
        A scope a group, as JSON; none when nothing of the run's range is wanted yet.
    """
    context = get_current_context()
    with told_clearly():
        _wait_for_history(Window(window), context)
        scope = asyncio.run(_plan(Window(window), context))
    if scope is None:
        return []
    groups = [scope_to_json(scope.narrow(group)) for group in split_groups(scope.symbols, GROUPS)]
    _log.info("%s symbols in %s groups", len(scope.symbols), len(groups))
    return groups


@task(pool=POOL)
def collect(group: dict[str, Any]) -> None:
    """Fetches and stores what is pending of one group of symbols.

    One that fails does not stop the others; the task fails when all are through.
    """
    context = get_current_context()
    with told_clearly():
        try:
            _log.info("%s", asyncio.run(_collect(scope_from_json(group))))
        except CollectionIncomplete as error:
            context["ti"].xcom_push(_FAILURES, error.failures)
            raise


@task(trigger_rule=TriggerRule.ALL_DONE)
def judge(groups: list[dict[str, Any]] | None) -> None:
    """Finds out why what is still missing is missing, then tells of groups that failed.

    Runs even if a group failed, so that its failure does not keep the others from their
    verdicts; the run then fails here.
    """
    context = get_current_context()
    with told_clearly():
        if groups is None:
            raise CollectionFailed({"plan": "failed: see its log"})
        if not groups:
            _log.info("nothing to do: see the log of plan")
            return
        scopes = [scope_from_json(group) for group in groups]
        symbols = [symbol for scope in scopes for symbol in scope.symbols]
        verdicts = asyncio.run(_judge(scopes[0].narrow(symbols)))
        _log.info("missing candles that got a verdict: %s", verdicts or "none")
        _require_groups(context, scopes)


class CollectionFailed(CollectionIncomplete):
    """Series that no retry of the task that tells of them can bring."""

    retryable = False


def _wait_for_history(
    window: Window, context: Context, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Puts a run of gaps that came by itself off until history has nothing more to bring.

    Both at once would fetch the same candles twice; afterwards this one finds whatever no
    run of a month has brought. Asked more than once, for between two tasks of a run and
    between two runs there are moments in which nothing is at work.

    Raises:
        AirflowRescheduleException: while a month is at work; the task gives its slot back.
    """
    if window is not Window.GAPS or is_started_by_hand(context):
        return
    for look in range(_LOOKS):
        if look:
            sleep(_LOOK_AGAIN_S)
        if is_at_work(context, _HISTORY):
            _log.info("waiting: %s is at work and may bring what is missing", _HISTORY)
            again = datetime.now(UTC) + _HISTORY_MAY_TAKE
            raise AirflowRescheduleException(again)  # type: ignore[no-untyped-call]  # as it is


async def _plan(window: Window, context: Context) -> Scope | None:
    from candlehouse.pipelines.exchange_choice import open_source
    from candlehouse.pipelines.symbols import require_symbols

    form = read_form(context, ranged=window is not Window.FORWARD)
    settings = load_task_settings()
    interval = read_interval(context) if window is Window.BACKWARD else None
    with open_warehouse(settings) as engine:
        async with open_source(settings, engine) as source:
            now = await source.fetch_time()
            scope = read_scope(window, form, interval, settings, now)
            await require_symbols(engine, source, scope.symbols)
            span = window_span(scope, settings.collection_start, now)
            if span is None and window is not Window.GAPS:
                _log.info("nothing to do: none of it is wanted while the exchange says %s", now)
                return None
            _log.info("%s at exchange time %s", span or "everything that is missing", now)
            return scope.narrow(await _find_symbols(settings, engine, source, scope))


async def _find_symbols(
    settings: Settings, engine: Engine, source: RestSource, scope: Scope
) -> tuple[str, ...]:
    """The symbols of a run; takes the first snapshot of the universe if there is none."""
    from candlehouse.pipelines.refresh import refresh_universe
    from candlehouse.pipelines.runs import select_symbols

    try:
        return select_symbols(engine, scope)
    except UniverseEmpty:
        await refresh_universe(settings, engine, source)
        return select_symbols(engine, scope)


async def _collect(scope: Scope) -> object:
    from candlehouse.pipelines.exchange_choice import open_source
    from candlehouse.pipelines.runs import collect_scope, require_complete

    settings = load_task_settings()
    with open_warehouse(settings) as engine:
        async with open_source(settings, engine) as source:
            report = await collect_scope(settings, engine, source, scope)
    require_complete(report)
    return report.written


async def _judge(scope: Scope) -> dict[str, int]:
    from candlehouse.pipelines.exchange_choice import open_source
    from candlehouse.pipelines.runs import judge_scope, require_complete

    settings = load_task_settings()
    with open_warehouse(settings) as engine:
        async with open_source(settings, engine) as source:
            report = await judge_scope(settings, engine, source, scope)
    require_complete(report)
    return {verdict.value: candles for verdict, candles in report.verdicts.items()}


def _require_groups(context: Context, scopes: list[Scope]) -> None:
    """Raises for groups that failed for good, naming their series."""
    failures: dict[str, str] = {}
    for at in find_unfinished(context, "collect", len(scopes)):
        told = context["ti"].xcom_pull("collect", key=_FAILURES, map_indexes=at)
        failures |= told or dict.fromkeys(
            scopes[at].symbols, f"its group failed: see the log of collect [{at}]"
        )
    if failures:
        raise CollectionFailed(failures)
