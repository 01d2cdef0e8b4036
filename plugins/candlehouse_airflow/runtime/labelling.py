"""Writes on each run of `collect_backward` which month it collects.

The run of January is due when January is over, so Airflow's lists show it as of 1 February.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

_MONTHLY = "collect_backward"
_BY_MONTH = ("scheduled", "backfill")


@hookimpl
def on_dag_run_running(dag_run: Any, msg: str) -> None:
    """Called in the scheduler when a run begins; an existing note stays."""
    if dag_run.dag_id == _MONTHLY and dag_run.run_type in _BY_MONTH and not dag_run.note:
        start, end = dag_run.data_interval_start, dag_run.data_interval_end
        dag_run.note = f"History of {start:%Y-%m}: from {start:%Y-%m-%d} up to {end:%Y-%m-%d}, UTC"
