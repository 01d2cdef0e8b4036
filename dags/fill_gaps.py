"""Fetches every wanted candle that is missing, whatever other DAGs did or missed.

**Does**, every six hours and when the universe changes: collects every candle that `status`
counts as pending. These are the wanted candles of every series, from COLLECTION_START_DATE or
its first candle on, and pending gaps of other series, unless they are stored or known not to
exist. Gaps whose verdict is due for another check are requested again. So the record becomes
complete after an earlier COLLECTION_START_DATE or new TIMEFRAMES, too. The checksums of
published files of the last 60 days are compared once a day: a replaced file is loaded again.

While `collect_backward` works, a scheduled run waits for its end, because both would fetch the
same history. A run started by hand works at once.

**Reads** the exchange's published files and klines; `market.universe`, `market.series`,
`market.coverage_series`, `market.gaps`, `market.archive_files`.
**Writes** `market.candles_*`, `market.coverage_days`, `market.gaps`, `market.gap_history`,
`market.archive_files`, `market.corrections`.
Its last task is the outlet of `candles_5m` and the like. The tasks are as in
`collect_backward`.

**Form**: `symbols`, `timeframes`; `start` and `end` (both or neither) to look only there.

**When it fails**: `plan` or `judge` names each series that failed and why; the others are stored
and judged. The next run tries again, so a single failure needs nothing. What stays missing is
in `market.gaps` with what the exchange answered.
"""

from __future__ import annotations

from airflow.sdk import AssetOrTimeSchedule, dag

from candlehouse.core.planning.windows import Window
from candlehouse.settings import load_settings
from candlehouse_airflow.dag_parts.assets import UNIVERSE
from candlehouse_airflow.dag_parts.defaults import START, TAGS, cron, default_args, summary
from candlehouse_airflow.dag_parts.forms import historical_params
from candlehouse_airflow.tasks.collecting import wire_history


@dag(
    dag_id="fill_gaps",
    description=summary(__doc__),
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(timetable=cron("0 */6 * * *"), assets=[UNIVERSE]),
    start_date=START,
    catchup=False,
    # Two runs would fetch the same candles.
    max_active_runs=1,
    params=historical_params("Only these. Empty: all that are collected or streamed."),
    default_args=default_args(),
    tags=[*TAGS, "collect"],
)
def fill_gaps() -> None:
    """Wires the tasks."""
    wire_history(Window.GAPS, load_settings().kept_timeframes)


fill_gaps()
