"""The task of a reconciliation: one process compares all series concurrently."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context, task

from candlehouse.core.planning.windows import Window
from candlehouse_airflow.dag_parts.forms import read_form, read_scope
from candlehouse_airflow.runtime.failures import airflow_failures
from candlehouse_airflow.runtime.loading import skip_while_loading
from candlehouse_airflow.runtime.resources import load_task_settings, open_warehouse
from candlehouse_airflow.tasks.collecting import POOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


@task(pool=POOL)
def reconcile() -> None:
    """Compares the form's series and range, or the last three days, with REST and the files.

    Series and files that cannot be compared do not stop the others; the task fails at the end,
    and names them.
    """
    context = get_current_context()
    with airflow_failures():
        settings = load_task_settings()
        with open_warehouse(settings) as warehouse:
            skip_while_loading(context, warehouse)
            asyncio.run(_reconcile(warehouse, read_form(context, ranged=True)))


async def _reconcile(warehouse: Warehouse, form: Mapping[str, object]) -> None:
    from candlehouse.pipelines.collecting.run_summary import describe_agreement
    from candlehouse.pipelines.reconciling.reconcile import require_reconciled
    from candlehouse.pipelines.reconciling.reconcile_run import reach_exchange, reconcile_scope

    async with reach_exchange(warehouse) as reached:
        # A series' range is its own, as for gaps.
        scope = read_scope(Window.GAPS, form, None, reached.now)
        report = await reconcile_scope(warehouse, reached, scope)
    for total in report.totals:
        _log.info("%s", describe_agreement(total))
    for file in report.awaited:
        _log.info("%s is not published yet", file)
    _log.info(
        "reconciliation %s: %s candles corrected, %s newly refused; %s requests, %s files loaded,"
        " %s files unchanged",
        report.run, report.written.corrected, report.written.refused, report.requests,
        report.files, report.unchanged,
    )  # fmt: skip
    for what, why in report.failures.items():
        _log.error("%s could not be compared: %s", what, why)
    if report.gate is not None:
        # The task is tried again when the gate opens.
        raise report.gate
    require_reconciled(report)
