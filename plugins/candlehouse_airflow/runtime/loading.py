"""Skips heavy scheduled tasks while history is being loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from candlehouse_airflow.runtime.dag_runs import is_started_by_hand

if TYPE_CHECKING:
    from candlehouse.storage.warehouse import Warehouse


def skip_while_loading(context: Context, warehouse: Warehouse) -> None:
    """Skips the calling task while the history of any series is being loaded.

    Runs that a person started are never skipped, and a load that has brought no candle for an
    hour, or has taken longer than a day, does not count.

    Raises:
        AirflowSkipException: when the task is to be skipped; the next scheduled run does the work.
    """
    from candlehouse.storage.completeness.loads import is_loading

    if is_started_by_hand(context):
        return
    with warehouse.read() as connection:
        loading = is_loading(connection)
    if loading:
        raise AirflowSkipException(
            "history is being loaded: the next scheduled run does this, one started by hand"
            " does it now"
        )
