"""What scheduled runs do while history loads: heavy ones leave it to their next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from candlehouse_airflow.runtime.dag_runs import is_started_by_hand

if TYPE_CHECKING:
    from candlehouse.storage.warehouse import Warehouse


def skip_while_loading(context: Context, warehouse: Warehouse) -> None:
    """Ends a task that its schedule started while the history of any series loads.

    A run that a person started works at once. A load that brings nothing for an hour, or
    takes longer than a day, keeps nobody from anything.

    Raises:
        AirflowSkipException: the next scheduled run does the work.
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
