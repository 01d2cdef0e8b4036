"""How the web pages read the logs of tasks: from the disk that all parts of Airflow share.

Named by `AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS`. Airflow itself would also ask a server of
logs about every task that runs. There is none, for it would listen on every address, and so
each page would begin with the complaint that it cannot be reached.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG
from airflow.utils.log.file_task_handler import FileTaskHandler


class DiskTaskHandler(FileTaskHandler):
    """Asks no server of logs."""

    def _read_from_logs_server(self, ti: Any, worker_log_rel_path: str) -> Any:
        return [], []


LOGGING_CONFIG: dict[str, Any] = deepcopy(DEFAULT_LOGGING_CONFIG)
LOGGING_CONFIG["handlers"]["task"]["class"] = f"{__name__}.{DiskTaskHandler.__name__}"
