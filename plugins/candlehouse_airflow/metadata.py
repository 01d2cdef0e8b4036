"""Cleaning Airflow's own tables with Airflow's own command."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from candlehouse.core.errors import CandlehouseError
from candlehouse.settings import Settings
from candlehouse.storage import embedded
from candlehouse.storage.database import parse_database_url

_URL = "CANDLEHOUSE_METADATA_URL"
_CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
# The months stay on record: catch-up goes on from the newest run there is, so without
# the scheduled ones a Backfill of an old month would make it collect all since again.
_BY_DAG = ("dag_run", "task_reschedule")
_KEPT_DAG = "collect_backward"
_OTHERS = ("asset_event", "callback", "import_error", "job", "log", "revoked_token")
_BATCH = "2000"
_TOLD_LINES = 5

_log = logging.getLogger(__name__)


class CleaningFailed(CandlehouseError):
    """Airflow's command did not end well; what it cleaned until then stays clean."""

    retryable = True


def find_metadata_url(settings: Settings) -> str | None:
    """Where Airflow's tables are, None when it is not known.

    A task is not told: Airflow takes the URL out of its environment. `make run` keeps
    the tables in the embedded server.
    """
    if url := os.environ.get(_URL):
        return url
    server = embedded.status(settings)
    return None if server is None else server.url("airflow")


def clean(url: str, kept: timedelta) -> None:
    """Deletes rows older than `kept`, without copies of them.

    Raises:
        CleaningFailed: when a table could not be cleaned.
    """
    before = (datetime.now(UTC) - kept).isoformat()
    environment = {
        **os.environ,
        _CONNECTION: parse_database_url(url).render_as_string(hide_password=False),
    }
    _run(["--tables", ",".join(_BY_DAG), "--exclude-dag-ids", _KEPT_DAG], before, environment)
    _run(["--tables", ",".join(_OTHERS)], before, environment)


def _run(tables: list[str], before: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive"]
    command += ["--error-on-cleanup-failure", "--batch-size", _BATCH]
    command += ["--clean-before-timestamp", before, *tables]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    told = (done.stdout + done.stderr).strip().splitlines()[-_TOLD_LINES:]
    if done.returncode != 0:
        raise CleaningFailed(f"airflow db clean failed: {' '.join(told)}")
    _log.info("cleaned %s", " ".join(tables))
