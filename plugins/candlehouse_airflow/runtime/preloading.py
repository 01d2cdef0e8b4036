"""Imports what tasks need once, in the scheduler, before it makes its workers.

A local task is a copy of a worker, which is a copy of the scheduler: what is imported there
is there for every task at no cost. The exchange library alone takes a second of a core to
import, more than most tasks take for their work. Other executors lose nothing by this.
Whoever changes include/ restarts the scheduler, or tasks go on with the old modules.
"""

from __future__ import annotations

import importlib
import logging
import sys

from airflow.listeners import hookimpl

_NEEDED = (
    # What Airflow itself imports in each task, and what the DAG files do.
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "candlehouse_airflow.tasks.collecting",
    "candlehouse_airflow.tasks.alerts",
    "candlehouse_airflow.tasks.streaming",
    "ccxt.async_support",
    "candlehouse.pipelines.venue.wiring",
    "candlehouse.pipelines.universe.refresh",
    "candlehouse.variables",
    "candlehouse.pipelines.collecting.collect_run",
    "candlehouse.pipelines.collecting.run_summary",
    "candlehouse.pipelines.alerts",
    "candlehouse.pipelines.live.session",
    "candlehouse.storage.database.warehouse_url",
)

_log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: object) -> None:
    """Called when a part of Airflow starts; in all but the scheduler it does nothing."""
    if sys.argv[1:2] == ["scheduler"]:
        preload()


def preload() -> None:
    """Imports the modules; what cannot be imported is left for the task to stumble over."""
    for name in _NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            _log.warning("%s is not preloaded: %s", name, error)
