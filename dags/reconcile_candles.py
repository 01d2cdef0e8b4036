"""Compares what is stored with REST and with the published files, and corrects it.

**Does**, once a day: asks REST for the last three whole days and today, then takes the
published file of each of these days, and compares every candle in all of its values. What
differs is corrected by precedence, files over REST over streams, and what was before stays
on record; a lower source's other version is on record as refused. A stored candle that a
source does not have is listed and stays. A file is loaded again only if it was replaced, or
something was stored or corrected after all was compared with it. Locks are held only while
a page is stored: collecting and streaming go on beside it. While history loads, a scheduled
run leaves it all to the next one, whose window still has these days; one started by hand
works at once.

**Reads** the exchange's klines and published files; `market.candles_*`, `market.series`,
`market.archive_files`.
**Writes** `market.reconciliations`, `market.unmatched_candles`, `market.confirmations`,
`market.corrections`, `market.candles_*` and what collecting writes with them. How to read it:
`market.agreement` has one line per day and pair of sources.

**Form**: `symbols`, `timeframes`; `start` and `end` (both or neither) for any other range.
REST costs weight for all of it, also where the files have it: that is the comparison.

**When it fails**: the log names each series, file or source that could not be compared and
why; the rest is compared and corrected. The next run looks back over the same days, so a
single failure needs nothing. Of days further back, run it by hand with a range.
"""

from __future__ import annotations

from airflow.sdk import dag

from candlehouse_airflow.dag_parts.defaults import START, TAGS, cron, default_args, summary
from candlehouse_airflow.dag_parts.forms import historical_params
from candlehouse_airflow.tasks.reconciling import reconcile


@dag(
    dag_id="reconcile_candles",
    description=summary(__doc__),
    doc_md=__doc__,
    # When the files of the day before are usually there.
    schedule=cron("20 9 * * *"),
    start_date=START,
    catchup=False,
    # Two runs would compare the same candles.
    max_active_runs=1,
    params=historical_params("Only these. Empty: all that are collected or streamed."),
    default_args=default_args(),
    tags=[*TAGS, "reconcile"],
)
def reconcile_candles() -> None:
    """One task."""
    reconcile()


reconcile_candles()
