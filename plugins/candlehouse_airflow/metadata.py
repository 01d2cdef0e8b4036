"""Cleaning Airflow's own tables with Airflow's own command."""

from __future__ import annotations

import logging
import os
import re
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
_RUNS = ["--tables", "dag_run", "--exclude-dag-ids", "collect_backward"]
# Airflow 3.3.2 cleans it together with the runs, but by a column for the DAG that it does
# not have. No harm: what belongs to a run that is deleted goes with it.
_UNCLEANABLE = {"deadline"}
_OTHERS = ["--tables", "asset_event,callback,import_error,job,log,revoked_token"]
_SKIPPED = re.compile(r"not cleaned due to errors: \[(.*?)\]")
_BATCH = "2000"

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
    _run(_RUNS, before, environment)
    _run(_OTHERS, before, environment)


def _run(tables: list[str], before: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive"]
    command += ["--batch-size", _BATCH, "--clean-before-timestamp", before, *tables]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    if done.returncode != 0:
        last = " ".join(told.strip().splitlines()[-1:])
        raise CleaningFailed(f"airflow db clean failed: {last}")
    # The command ends well even if a table could not be cleaned.
    failed = {name for found in _SKIPPED.findall(told) for name in re.findall(r"\w+", found)}
    if failed - _UNCLEANABLE:
        raise CleaningFailed(f"airflow db clean could not clean {', '.join(sorted(failed))}")
    _log.info("cleaned %s", " ".join(tables))
