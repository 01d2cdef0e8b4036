"""Notes on each run of a month which month it is: Airflow names it after the next one.

A run of January becomes due when January is over, and that moment, 02-01, is all that lists
of runs show of it.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

_MONTHLY = "collect_backward"
_BY_MONTH = ("scheduled", "backfill")


@hookimpl
def on_dag_run_running(dag_run: Any, msg: str) -> None:
    """Called in the scheduler when a run begins; a note that somebody has written stays."""
    if dag_run.dag_id == _MONTHLY and dag_run.run_type in _BY_MONTH and not dag_run.note:
        start, end = dag_run.data_interval_start, dag_run.data_interval_end
        dag_run.note = f"History of {start:%Y-%m}: from {start:%Y-%m-%d} up to {end:%Y-%m-%d}, UTC"
