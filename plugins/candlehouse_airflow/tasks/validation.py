"""The task that validates stored candles: its scope, when it is skipped, and how it reports."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import BaseNotifier, Context, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from candlehouse.core.validating.validation_due import (
    FULL_RUN_VALID_FOR,
    ValidationState,
    find_reason_to_wait,
)
from candlehouse.core.validating.validation_windows import (
    PAGES,
    Reach,
    ValidationScope,
    choose_scope,
)
from candlehouse.settings import Settings, load_settings
from candlehouse_airflow.dag_parts.forms import (
    read_form,
    read_moment,
    read_symbols,
    read_timeframes,
)
from candlehouse_airflow.runtime.dag_runs import is_started_by_event, is_started_by_hand
from candlehouse_airflow.runtime.failures import airflow_failures
from candlehouse_airflow.runtime.resources import load_task_settings, open_warehouse

if TYPE_CHECKING:
    from sqlalchemy import Connection

POOL = "gx"
LAST_FAILURE = "last_failure.json"

_log = logging.getLogger(__name__)


class ReportFailure(BaseNotifier):
    """Reports a failed run in the task's log and in a JSON file for monitoring."""

    def notify(self, context: Context) -> None:
        """Called by Airflow when the task has failed and is not tried again."""
        failure = {
            "dag": context["dag_run"].dag_id,
            "run": context["dag_run"].run_id,
            "reason": str(context.get("exception")),
        }
        _log.error("%(dag)s failed in run %(run)s: %(reason)s", failure)
        folder = load_settings().home / PAGES
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LAST_FAILURE).write_text(json.dumps(failure) + "\n", encoding="utf-8")


@task(pool=POOL, on_failure_callback=ReportFailure())
def validate() -> str:
    """Validates new and changed candles, once a day all candles, or the range of the form.

    A broken expectation fails the task without a retry, because a retry would find the same
    rows; the message names them. No other DAG depends on the result.

    Returns:
        One sentence on what was validated.
    """
    context = get_current_context()
    with airflow_failures():
        scope = read_validation_scope(context)
        settings = load_task_settings()
        return _validate(settings, scope, context)


def read_validation_scope(context: Context) -> ValidationScope:
    """What a run validates: new candles after an event, else everything or the form's range.

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


def find_reason_to_pass(context: Context, state: ValidationState) -> str | None:
    """Why a run that was not started by a person can be skipped; None when it must validate.

    Args:
        context: of the task.
        state: what is validated and what is being loaded.
    """
    if is_started_by_hand(context):
        return None
    if is_started_by_event(context) and not state.has_work:
        return "another run has looked at what was new"
    return find_reason_to_wait(state)


def _find_all_fresh(context: Context, connection: Connection) -> str | None:
    """Why the daily run can be skipped: everything was validated lately; None when it was not."""
    from candlehouse.storage.truth.validation_runs import (
        select_exchange_time,
        was_all_validated_since,
    )

    if is_started_by_event(context) or is_started_by_hand(context):
        return None
    now = select_exchange_time(connection)
    if now is None or not was_all_validated_since(connection, now - FULL_RUN_VALID_FOR):
        return None
    return f"everything was looked at in the last {FULL_RUN_VALID_FOR // timedelta(hours=1)} hours"


def _validate(settings: Settings, scope: ValidationScope, context: Context) -> str:
    from candlehouse.pipelines.universe.symbols import require_recorded
    from candlehouse.pipelines.validating.validate import require_success, validate
    from candlehouse.storage.truth.validation_runs import select_state

    with open_warehouse(settings) as warehouse:
        with warehouse.read() as connection:
            reason = find_reason_to_pass(context, select_state(connection))
            reason = reason or _find_all_fresh(context, connection)
        if reason:
            raise AirflowSkipException(reason)
        require_recorded(warehouse, scope.symbols)
        report = validate(warehouse, scope)
    flags = report.flags
    counts = ", ".join(f"{count:,} {flag}" for flag, count in flags.flagged.items())
    _log.info("the flags of %s candles were changed; flags: %s", flags.changed, counts or "none")
    for outcome in report.outcomes:
        if not outcome.success:
            _log.warning("%s", outcome)
    require_success(report)
    passed = (
        f"{len(report.outcomes)} expectations hold for {report.candles:,} candles: {report.page}"
    )
    _log.info("%s", passed)
    return passed
