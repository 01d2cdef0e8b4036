"""Collects history: one run for each calendar month that is over.

**Does**: from the month of COLLECTION_START_DATE on, each run fetches the pending candles of
its month, cut to [COLLECTION_START_DATE, the exchange's now). It is scheduled when the month is
over, so Airflow lists the run of January at 02-01: its note says which month it is. Stored
candles are not fetched again: any month may be run any number of times. The run of a month after
the exchange's now succeeds, and logs that there is nothing to do.

**Again**: Trigger > Backfill, or `airflow backfill create --dag-id collect_backward
--from-date 2024-01-01 --to-date 2024-06-01`, newest first with `--run-backwards`.
A Backfill takes only months whose *first day* is inside its bounds. The current month
cannot be backfilled: it is `collect_forward`'s. Months that have a run are left alone
unless you choose *All Runs* as Reprocess Behavior (`--reprocess-behavior completed`).
`start` and `end` of the form are for a Single Run, which needs both.

**Reads** the exchange's published files, and its klines for what they lack;
`market.universe`, `market.series`, `market.coverage_series`, `market.archive_files`.
**Writes** `market.candles_*`, `market.coverage_days`, `market.gaps`, `market.gap_history`,
`market.archive_files`. Its last task is the outlet of `candles_5m` and the like.

**Tasks**: `plan` does all the work of a usual month. A million candles or more go to `collect`,
up to four groups at once, and then to `judge`, which finds out why candles are missing.

**When it fails**: `plan` or `judge` names each series that failed and why; the others are stored
and judged. Clear the failed tasks, or leave it: `fill_gaps` fetches whatever a month lacks. A
form that makes no sense fails without a retry, and `plan` says what is wrong with it.
"""

from __future__ import annotations

from airflow.sdk import CronDataIntervalTimetable, dag

from candlehouse.core.planning.windows import Window
from candlehouse.settings import load_settings
from candlehouse_airflow.dag_parts.defaults import PATIENT, TAGS, default_args, summary
from candlehouse_airflow.dag_parts.forms import historical_params
from candlehouse_airflow.tasks.collecting import wire_history

settings = load_settings()


@dag(
    dag_id="collect_backward",
    description=summary(__doc__),
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 1 * *", timezone="UTC"),
    start_date=settings.collection_start.replace(day=1),
    catchup=True,
    # A month is one process, which waits for the database now and then.
    max_active_runs=3,
    params=historical_params(),
    default_args=default_args(PATIENT),
    tags=[*TAGS, "collect"],
)
def collect_backward() -> None:
    """Wires the tasks."""
    wire_history(Window.BACKWARD, settings.timeframes)


collect_backward()
