"""Collects the newest candles: the current month up to now.

**Does**, as often as COLLECTION_SCHEDULE says: fetches what is pending of every series
since the first of the month, or since COLLECTION_START_DATE. What is held is not fetched
again, so a run after a pause of days catches up at once. Months that are over are
`collect_backward`'s; what both missed is `fill_gaps`'.

**Reads** the exchange's klines, and its published files after a pause of days;
`market.universe`, `market.series`, `market.coverage_series`, `market.archive_files`.
**Writes** `market.candles_*`, `market.coverage_days`, `market.gaps`,
`market.collector_state`, `market.archive_files`. Its task is the outlet of `candles_5m` and
the like.

**Form**: `symbols` and `timeframes`, to collect only some.

**When it fails**: the log of `collect` names each series that failed and why; the others
are stored and judged. A form that makes no sense fails without a retry. The next run
fetches what this one left, so a single failure needs nothing. If it goes on: a series
refused by the exchange is a symbol that no longer exists (see SYMBOLS); a closed gate opens
by itself; the database must run. Two runs never overlap.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from candlehouse.settings import load_settings
from candlehouse_airflow.dag_parts.defaults import START, TAGS, URGENT, cron, default_args, summary
from candlehouse_airflow.dag_parts.forms import series_params
from candlehouse_airflow.tasks.collecting import wire_newest

settings = load_settings()


@dag(
    dag_id="collect_forward",
    description=summary(__doc__),
    doc_md=__doc__,
    schedule=cron(settings.collection_schedule),
    start_date=START,
    catchup=False,
    # A second run beside one that is late would only fetch the same.
    max_active_runs=1,
    params=series_params(),
    # Few and short delays: the next run is minutes away and does the same.
    default_args=default_args(URGENT, retries=2, retry_delay=timedelta(seconds=20)),
    tags=[*TAGS, "collect"],
)
def collect_forward() -> None:
    """One task: a few minutes' candles of all symbols are little work."""
    wire_newest(settings.timeframes)


collect_forward()
