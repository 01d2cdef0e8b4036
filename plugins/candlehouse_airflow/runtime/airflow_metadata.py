"""Deletes old rows of Airflow's metadata tables, with Airflow's command `db clean`."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from candlehouse.core.errors import CandlehouseError
from candlehouse.settings import Settings
from candlehouse.storage import embedded
from candlehouse.storage.database.database_url import parse_database_url
from candlehouse.storage.database.engine import connect

_URL = "CANDLEHOUSE_METADATA_URL"
_CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
# The runs of months stay: Airflow's catch-up continues after the newest run, so without them a
# Backfill of an old month would schedule all later months again.
_RUNS = "dag_run"
_KEPT_DAG = "collect_backward"
# Airflow 3.3.2 fails to clean this table, because it looks for a column that the table lacks.
# Rows of deleted runs are deleted with their runs nevertheless.
_UNCLEANABLE = {"deadline"}
# Tables that are cleaned besides the runs, and the columns that say how old a row is.
RECENCY = {
    "asset_event": "timestamp",
    "callback": "created_at",
    "import_error": "timestamp",
    "job": "latest_heartbeat",
    "log": "dttm",
    "revoked_token": "exp",
}
# The newest run of a DAG stays, however old: its schedule goes on from there.
_OLD_RUNS = """
    EXISTS (
        SELECT FROM dag_run AS r
        WHERE r.start_date < :before AND r.dag_id <> :kept_dag AND (
            r.run_type = 'manual' OR r.start_date < (
                SELECT max(n.start_date) FROM dag_run AS n
                WHERE n.dag_id = r.dag_id AND n.run_type <> 'manual')))
"""
_OLD_ROWS = "EXISTS (SELECT FROM {table} AS r WHERE r.{column} < :before)"
_SKIPPED = re.compile(r"not cleaned due to errors: \[(.*?)\]")
_BATCH = "2000"

_log = logging.getLogger(__name__)


class CleaningFailed(CandlehouseError):
    """Airflow's command failed; what it deleted until then stays deleted."""

    retryable = True


def find_metadata_url(settings: Settings) -> str | None:
    """URL of the database with Airflow's tables; None when it is not known.

    Airflow removes the URL from the environment of tasks. CANDLEHOUSE_METADATA_URL wins; else
    the embedded server is used, where `make run` keeps the tables.
    """
    if url := os.environ.get(_URL):
        return url
    server = embedded.status(settings)
    return None if server is None else server.url("airflow")


def clean(url: str, kept: timedelta) -> None:
    """Deletes rows older than `kept`, without an archive copy.

    Starting Airflow's command takes longest, so it is started only for tables with old rows.

    Args:
        url: of the database with Airflow's tables.
        kept: age up to which rows stay.

    Raises:
        CleaningFailed: when a table could not be cleaned.
        DatabaseUnavailable: when the server is out of reach.
    """
    before = datetime.now(UTC) - kept
    old = find_old(url, before)
    if not old:
        _log.info("nothing in Airflow's tables is older than %s days", kept.days)
    environment = {
        **os.environ,
        _CONNECTION: parse_database_url(url).render_as_string(hide_password=False),
    }
    if _RUNS in old:
        _run([_RUNS, "--exclude-dag-ids", _KEPT_DAG], before, environment)
    if others := [name for name in old if name != _RUNS]:
        _run([",".join(others)], before, environment)


def find_old(url: str, before: datetime) -> list[str]:
    """Names of the tables with rows that are older than a moment and may be deleted."""
    parts = {_RUNS: _OLD_RUNS} | {
        table: _OLD_ROWS.format(table=table, column=column) for table, column in RECENCY.items()
    }
    query = ", ".join(f'{part} AS "{table}"' for table, part in parts.items())
    engine = connect(url, "candlehouse upkeep", lasting=False)
    try:
        with engine.connect() as connection:
            values = {"before": before, "kept_dag": _KEPT_DAG}
            row = connection.execute(text(f"SELECT {query}"), values).mappings().one()
    finally:
        engine.dispose()
    return [table for table, is_old in row.items() if is_old]


def _run(tables: list[str], before: datetime, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive"]
    command += ["--batch-size", _BATCH, "--clean-before-timestamp", before.isoformat()]
    command += ["--tables", *tables]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if done.returncode != 0:
        last = " ".join(output.strip().splitlines()[-1:])
        raise CleaningFailed(f"airflow db clean failed: {last}")
    # The command exits with 0 even if a table could not be cleaned.
    failed = {name for found in _SKIPPED.findall(output) for name in re.findall(r"\w+", found)}
    if failed - _UNCLEANABLE:
        raise CleaningFailed(f"airflow db clean could not clean {', '.join(sorted(failed))}")
    _log.info("rows from before %s were deleted from %s", before.date(), tables[0])
