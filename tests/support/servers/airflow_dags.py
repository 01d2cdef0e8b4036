"""DAGs of the project, parsed by Airflow in this process.

Import Airflow only inside functions: tests/airflow sets its environment first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Outcome:
    """How a DAG run ended.

    Attributes:
        state: its own.
        tasks: states of its tasks.
        log: what they logged.
        events: tasks and the assets that each told of.
    """

    state: str
    tasks: Mapping[str, str]
    log: str
    events: Sequence[tuple[str, str]] = ()


def load_dags() -> Mapping[str, Any]:
    """The DAGs, parsed in the environment as it is now."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(PROJECT / "dags"))
    assert bag.import_errors == {}
    return bag.dags


def read_states(dag_id: str, run_id: str) -> dict[str, str]:
    """States of a run's tasks, `collect[0]` for the first of mapped ones."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    from airflow import settings

    found = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
    with settings.Session() as session:
        return {
            f"{task.task_id}[{task.map_index}]" if task.map_index >= 0 else task.task_id: str(
                task.state
            )
            for task in session.scalars(found)
        }


def read_events(dag_id: str, run_id: str) -> tuple[tuple[str, str], ...]:
    """Tasks of a run and the assets that each has updated, in order."""
    from airflow.models.asset import AssetEvent, AssetModel
    from sqlalchemy import select

    from airflow import settings

    found = (
        select(AssetEvent.source_task_id, AssetModel.name)
        .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        .where(AssetEvent.source_dag_id == dag_id, AssetEvent.source_run_id == run_id)
        .order_by(AssetEvent.id)
    )
    with settings.Session() as session:
        return tuple((str(task), str(name)) for task, name in session.execute(found))
