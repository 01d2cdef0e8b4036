"""Evaluates the alerts every five minutes, and notifies when a new one is raised.

**Does**: measures completeness and freshness of each timeframe, the share of messages and
series that fail, the weight used and the corrections of the last 24 hours, and compares them
with ALERT_COMPLETENESS, ALERT_FRESHNESS, ALERT_ERROR_RATE, ALERT_WEIGHT and
ALERT_CORRECTIONS. An alert is raised once, and cleared when its value is good again by a margin.
A series whose history loads is neither late nor incomplete; a load without a new candle for an
hour raises an alert. Each new alert is sent to the notifier CANDLEHOUSE_NOTIFIER, an Airflow
notifier class that takes `message`; without one it is only logged.

**Reads** `market.coverage_totals`, `market.series`, `market.collector_state`,
`market.exchange_state`, `market.stream_sessions`, `market.weight_reservations`,
`market.corrections`. **Writes** `market.alerts`, `market.loads`.

**Form**: `symbols` and `timeframes` are there as in every DAG and change nothing here.

**When it fails**: the database is out of reach; the next run does the same. An open alert is
no failure of the run, nor is a notifier that fails: that is tried again by the next run.
"""

from __future__ import annotations

from airflow.sdk import dag

from candlehouse_airflow.dag_parts.defaults import START, TAGS, cron, default_args, summary
from candlehouse_airflow.dag_parts.forms import series_params
from candlehouse_airflow.tasks.alerts import watch


@dag(
    dag_id="watch_warehouse",
    description=summary(__doc__),
    doc_md=__doc__,
    schedule=cron("*/5 * * * *"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params=series_params("Changes nothing here.", "Changes nothing here."),
    default_args=default_args(),
    tags=[*TAGS, "watch"],
)
def watch_warehouse() -> None:
    """One task: all of it is a few short questions to the database."""
    watch()


watch_warehouse()
