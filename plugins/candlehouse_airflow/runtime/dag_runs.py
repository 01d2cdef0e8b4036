"""Facts on a task's own DAG run and on other runs."""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk import Context

from candlehouse.core.model import Span
from candlehouse.core.parsing import parse_moment

# Airflow gives every run a data interval; only for runs of these types it is the range to use.
_WITH_INTERVAL = ("scheduled", "backfill")
_AT_WORK = ["queued", "running"]
_BROUGHT = "success"


def read_interval(context: Context) -> Span | None:
    """Data interval of a scheduled or backfill run, half-open in UTC; None for any other run."""
    run = context["dag_run"]
    if run.run_type not in _WITH_INTERVAL:
        return None
    start, end = run.data_interval_start, run.data_interval_end
    if start is None or end is None:
        return None
    # Airflow's times are pendulum objects; the use cases get plain datetimes.
    return Span(parse_moment(start.isoformat()), parse_moment(end.isoformat()))


def is_started_by_hand(context: Context) -> bool:
    """Whether a person, or a program over the API, started the run."""
    return context["dag_run"].run_type == "manual"


def is_started_by_event(context: Context) -> bool:
    """Whether an asset event started the run."""
    return context["dag_run"].run_type == "asset_triggered"


def find_unfinished(context: Context, task_id: str, count: int) -> list[int]:
    """Indexes of the instances of a mapped task that did not succeed.

    Args:
        context: of a task of the same run.
        task_id: of the mapped task.
        count: how many instances it has.
    """
    run = context["dag_run"]
    found: Mapping[str, Mapping[str, object]] = context["ti"].get_task_states(
        run.dag_id, task_ids=[task_id], run_ids=[run.run_id]
    )
    states = found.get(run.run_id, {})
    return [at for at in range(count) if states.get(f"{task_id}_{at}") != _BROUGHT]


def is_at_work(context: Context, dag_id: str) -> bool:
    """Whether any task of another DAG is queued or running now.

    Scheduled tasks do not count: those of a paused DAG may wait for ever.
    """
    return context["ti"].get_ti_count(dag_id, states=_AT_WORK) > 0
