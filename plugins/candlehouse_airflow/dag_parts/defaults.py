"""What all DAGs have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable

from candlehouse_airflow.runtime.failures import WaitForGate

OWNER = "candlehouse"
TAGS = ("candlehouse",)
# Any fixed moment in the past. Without a start date, a DAG that is first seen between two
# scheduled times waits for the next one; with a moving date, each parse would make a new version
# of the DAG.
START = datetime(2017, 1, 1, tzinfo=UTC)
# Priorities within a pool: the newest candles never wait for history.
URGENT, USUAL, PATIENT = 100, 10, 1


def default_args(
    priority: int = USUAL, retries: int = 4, retry_delay: timedelta = timedelta(seconds=30)
) -> dict[str, Any]:
    """Arguments of every task of a DAG.

    Args:
        priority: URGENT, USUAL or PATIENT; higher runs first within a pool.
        retries: how often a failed task is tried again.
        retry_delay: delay before the first retry; doubles with each, up to ten minutes.
    """
    return {
        "owner": OWNER,
        "retries": retries,
        "retry_delay": retry_delay,
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": WaitForGate(),
        # The distance to the end of the DAG says nothing about urgency.
        "priority_weight": priority,
        "weight_rule": "absolute",
        # A task that hangs is ended and tried again: what it stored is not fetched twice.
        "execution_timeout": timedelta(hours=6),
    }


def summary(doc: str | None) -> str:
    """The first line of a DAG's docstring, which the list of DAGs shows."""
    return (doc or "").partition("\n")[0]


def cron(expression: str) -> CronTriggerTimetable:
    """A schedule of five cron fields, in UTC."""
    return CronTriggerTimetable(expression, timezone="UTC")
