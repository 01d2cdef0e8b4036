"""Keeps the warehouse, Airflow's own tables and the log files in shape.

**Does**, once a day, three things that need nothing of each other: partitions for the
years ahead or compression of what is old, candles of timeframes that are only streamed
dropped after RETENTION_DAYS_LIVE, and statistics; Airflow's runs, events and values older
than 30 days out of its tables (the months of `collect_backward` stay on record); log files
older than 30 days off the disk. While history loads, a scheduled run leaves the tables of
`market` to the next one; a run started by hand does them at once.

**Reads** the exchange's clock. **Writes** the tables of `market` (no candle is changed),
Airflow's metadata database, the log folder.

**Form**: `symbols` and `timeframes` are there as in every DAG and change nothing here: the
upkeep is of whole tables.

**When it fails**: nothing is lost, and the next day does the same; see the last line of the
log. Often that is a disk that is full. `clean_metadata` is skipped where Airflow's tables
are not in the embedded server and CANDLEHOUSE_METADATA_URL does not say where they are.
"""

from __future__ import annotations

from airflow.sdk import dag

from candlehouse_airflow.dag_parts.defaults import START, TAGS, cron, default_args, summary
from candlehouse_airflow.dag_parts.forms import series_params
from candlehouse_airflow.tasks.maintenance import clean_logs, clean_metadata, maintain_tables


@dag(
    dag_id="maintain_warehouse",
    description=summary(__doc__),
    doc_md=__doc__,
    schedule=cron("45 3 * * *"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params=series_params("Changes nothing here.", "Changes nothing here."),
    default_args=default_args(),
    tags=[*TAGS, "maintenance"],
)
def maintain_warehouse() -> None:
    """Tasks side by side: one that fails does not keep the others from their work."""
    maintain_tables()
    clean_metadata()
    clean_logs()


maintain_warehouse()
