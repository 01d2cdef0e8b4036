"""What an hour costs in which nothing happens but time: a process per task instance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from support.servers.airflow_dags import load_dags

# Of each a row in Airflow's tables, some more beside it, a log file, and seconds of a core.
MOST_PER_HOUR = 32
HOURS = 28 * 24
STREAM_RUN_HOURS = 4


@pytest.fixture
def dags(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    for name in ("COLLECTION_SCHEDULE", "STREAM_RUN_HOURS", "TIMEFRAMES", "STREAM_TIMEFRAMES"):
        monkeypatch.delenv(name, raising=False)
    return load_dags()


@cache
def count_ticks(expression: str) -> float:
    """How often a cron expression comes round in an hour, on average."""
    from croniter import croniter_range

    start = datetime(2026, 2, 1, tzinfo=UTC)
    end = start + timedelta(hours=HOURS, seconds=-1)
    return len(list(croniter_range(start, end, expression))) / HOURS


def count_own_runs(schedule: Any) -> float:
    """Runs in an hour by time; none of a DAG that only people start."""
    if schedule is None:
        return 0.0
    if schedule == "@continuous":
        return 1 / STREAM_RUN_HOURS
    return count_ticks(getattr(schedule, "timetable", schedule).expression)


def count_runs(dags: Mapping[str, Any], dag_id: str) -> float:
    """Runs in an hour by time, and by what tasks of others are outlets of.

    A watcher of an asset sends an event when there is something to do, at most hourly.
    """
    schedule = dags[dag_id].schedule
    runs = count_own_runs(schedule)
    followed = list_assets(getattr(schedule, "asset_condition", None))
    names = {asset.name for asset in followed}
    # Events of one run come together.
    runs += sum(count_runs(dags, one) for one in dags if is_outlet(dags[one], names))
    return runs + sum(len(asset.watchers) for asset in followed)


def list_assets(condition: Any) -> list[Any]:
    """The assets that a schedule follows, each by itself."""
    if condition is None:
        return []
    if not hasattr(condition, "objects"):
        return [condition]
    return [asset for part in condition.objects for asset in list_assets(part)]


def is_outlet(dag: Any, names: set[str]) -> bool:
    """Whether a run of the DAG sends an event of any of the assets."""
    return any(outlet.name in names for task in dag.tasks for outlet in task.outlets)


def count_instances(dags: Mapping[str, Any], dag_id: str) -> float:
    """Task instances in an hour; where nothing is to be done, what follows `plan` has none."""
    working = [task for task in dags[dag_id].tasks if "plan" not in task.upstream_task_ids]
    return len(working) * count_runs(dags, dag_id)


def test_an_idle_hour_has_few_task_instances(dags: Mapping[str, Any]) -> None:
    instances = {dag_id: count_instances(dags, dag_id) for dag_id in dags}
    told = ", ".join(f"{dag_id} {number:.2f}" for dag_id, number in sorted(instances.items()))
    assert sum(instances.values()) <= MOST_PER_HOUR, told
    assert instances["watch_warehouse"] == 12
