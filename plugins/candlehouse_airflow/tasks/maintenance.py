"""The tasks of maintenance: the warehouse, Airflow's own tables, old log files."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context, task
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from candlehouse_airflow.dag_parts.forms import read_form
from candlehouse_airflow.runtime.failures import airflow_failures
from candlehouse_airflow.runtime.loading import skip_while_loading
from candlehouse_airflow.runtime.resources import load_task_settings, open_warehouse

if TYPE_CHECKING:
    from datetime import datetime

    from candlehouse.storage.warehouse import Warehouse

KEPT = timedelta(days=30)

_log = logging.getLogger(__name__)


@task
def maintain_tables() -> None:
    """Maintains the warehouse's tables; a scheduled run skips this while history loads."""
    from candlehouse.pipelines.collecting.run_summary import describe_maintenance
    from candlehouse.pipelines.maintenance import maintain

    with airflow_failures():
        read_form(get_current_context())
        settings = load_task_settings()
        with open_warehouse(settings) as warehouse:
            skip_while_loading(get_current_context(), warehouse)
            now = asyncio.run(_fetch_time(warehouse))
            report = maintain(warehouse, now, settings.streamed_only, settings.retention_live)
            _log.info("%s", describe_maintenance(report))


@task
def clean_metadata() -> None:
    """Deletes Airflow's runs, events and the like that are older than 30 days.

    The runs of `collect_backward`, one per month, stay.
    """
    from candlehouse_airflow.runtime.airflow_metadata import clean, find_metadata_url

    with airflow_failures():
        read_form(get_current_context())
        url = find_metadata_url(load_task_settings())
        if url is None:
            raise AirflowSkipException(
                "Airflow's tables are not in the embedded server: CANDLEHOUSE_METADATA_URL"
                " would say where they are"
            )
        clean(url, KEPT)


@task
def clean_logs() -> None:
    """Deletes log files that were not written to for 30 days, and empty folders."""
    with airflow_failures():
        read_form(get_current_context())
    folder = Path(conf.get("logging", "base_log_folder"))
    deleted = delete_old_files(folder, time.time() - KEPT.total_seconds())
    _log.info("%s old files deleted from %s", deleted, folder)


def delete_old_files(folder: Path, before: float) -> int:
    """Deletes files that were last written before a time.

    Empty folders are deleted too if they were last changed before that time, because a task may
    be about to write to a newer one. Symbolic links stay.

    Args:
        folder: searched with all folders below it.
        before: seconds since the epoch.

    Returns:
        How many files were deleted.
    """
    deleted = 0
    # Deepest paths first, so that a folder comes after its content.
    for path in sorted(folder.rglob("*"), key=lambda found: len(found.parts), reverse=True):
        try:
            if path.is_symlink() or path.stat().st_mtime >= before:
                continue
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
                deleted += 1
        except OSError:
            # A folder that is not empty, or a file that another process has deleted.
            continue
    return deleted


async def _fetch_time(warehouse: Warehouse) -> datetime:
    from candlehouse.pipelines.venue.wiring import open_source

    async with open_source(warehouse) as source:
        return await source.fetch_time()
