"""Lets the web pages read task logs from the disk alone, which all parts of Airflow share.

Named by `AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS`. By default, Airflow also asks a log server
about every running task. None is started, because it would listen on every address, and each
log page would begin with the message that it cannot be reached.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG
from airflow.utils.log.file_task_handler import FileTaskHandler


class DiskTaskHandler(FileTaskHandler):
    """Reads task logs from files and never from a log server."""

    def _read_from_logs_server(self, ti: Any, worker_log_rel_path: str) -> Any:
        return [], []


LOGGING_CONFIG: dict[str, Any] = deepcopy(DEFAULT_LOGGING_CONFIG)
LOGGING_CONFIG["handlers"]["task"]["class"] = f"{__name__}.{DiskTaskHandler.__name__}"
