"""The task that validates, when it lets an event pass, and who is told that it failed."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

from airflow.sdk import BaseNotifier, Context, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from candlehouse.core.validation import PAGES, Reach, ValidationScope, choose_scope
from candlehouse.settings import Settings, load_settings
from candlehouse_airflow.failures import told_clearly
from candlehouse_airflow.forms import read_form, read_moment, read_symbols, read_timeframes
from candlehouse_airflow.resources import load_task_settings, open_warehouse
from candlehouse_airflow.runs import is_at_work, is_started_by_event, is_started_by_hand

POOL = "gx"
# What comes every few minutes is looked at once an hour.
PAUSE = timedelta(hours=1)
LAST_FAILURE = "last_failure.json"
_HISTORY = "collect_backward"

_log = logging.getLogger(__name__)


class TellBroken(BaseNotifier):
    """Says which run failed and why: in the task's log, and in a file that others can watch."""

    def notify(self, context: Context) -> None:
        """Called by Airflow when the task has failed for good."""
        told = {
            "dag": context["dag_run"].dag_id,
            "run": context["dag_run"].run_id,
            "reason": str(context.get("exception")),
        }
        _log.error("%(dag)s failed in run %(run)s: %(reason)s", told)
        folder = load_settings().home / PAGES
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LAST_FAILURE).write_text(json.dumps(told) + "\n", encoding="utf-8")


@task(pool=POOL, on_failure_callback=TellBroken())
def validate() -> str:
    """Validates what is new, everything once a day, or what the form says.

    A broken expectation fails the run at once, naming the rows: looking again would find
    the same. Collection goes on, for nothing depends on this.

    Returns:
        What was looked at, in one line.
    """
    context = get_current_context()
    with told_clearly():
        scope = read_validation_scope(context)
        settings = load_task_settings()
        return _validate(settings, scope, context)


def read_validation_scope(context: Context) -> ValidationScope:
    """What a run is to validate: by an event what is new, else everything or the form's range.

    Raises:
        ConfigurationError: for the first field of the form that is wrong.
    """
    form = read_form(context, ranged=True)
    return choose_scope(
        Reach.NEW if is_started_by_event(context) else Reach.EVERYTHING,
        read_symbols(form),
        read_timeframes(form, ()),
        read_moment(form, "start"),
        read_moment(form, "end"),
    )


def find_reason_to_pass(context: Context, has_run: bool) -> str | None:
    """Why a run lets its event pass, None when it does not.

    Args:
        context: of the task.
        has_run: whether another run ended within the hour.
    """
    if is_started_by_hand(context) or not is_started_by_event(context):
        return None
    if has_run:
        return f"another validation ended less than {PAUSE} ago"
    if is_at_work(context, _HISTORY):
        # The newest candles are not there yet, and everything will be looked at afterwards.
        return f"{_HISTORY} is at work: the event of its end will come"
    return None


def _validate(settings: Settings, scope: ValidationScope, context: Context) -> str:
    from candlehouse.pipelines.symbols import require_heard
    from candlehouse.pipelines.validate import flag_reached, require_success, validate
    from candlehouse.storage.validation import has_run_within

    with open_warehouse(settings) as engine:
        with engine.connect() as connection:
            has_run = has_run_within(connection, PAUSE)
        if reason := find_reason_to_pass(context, has_run):
            raise AirflowSkipException(reason)
        require_heard(engine, scope.symbols)
        flags = flag_reached(engine, scope)
        told = ", ".join(f"{count:,} {flag}" for flag, count in flags.flagged.items())
        _log.info("%s candles have other flags now: %s", flags.changed, told or "none is flagged")
        report = validate(settings, engine, scope)
    for outcome in report.outcomes:
        if not outcome.success:
            _log.warning("%s", outcome)
    require_success(report)
    told = f"{len(report.outcomes)} expectations hold for {report.candles:,} candles: {report.page}"
    _log.info("%s", told)
    return told
