"""Checks what is stored against what must hold, with Great Expectations.

**Does**, when there is something to do: looks at all candles that were stored or changed since
they were validated, and at universe, instruments and gaps. That is at once when a load of
history is over, and once an hour for what trickles in; a load that is under way is waited for.
Once a day, at 04:20: looks at everything that is stored. First of all, candles get the flags
that only their neighbours or their amounts tell. The database does the looking, a window at a
time, so that memory does not grow with history; what was looked at is recorded per window, so
that a run that is killed loses one window at most. A run started by hand always works.

The asset `unvalidated_candles` has a watcher in the triggerer, which asks the database every
15 seconds whether a run is due.

**Reads** `market.candles_*`, `market.coverage_days`, `market.gaps`, `market.universe`,
`market.instruments`, `market.confirmations`, `market.corrections`, the exchange's clock.
**Writes** `market.validation_runs`, `market.validation_results`, `market.validated_days`, `flags`
of candles, and one page per run below `CANDLEHOUSE_HOME` (`validation/index.html`).

**Form**: `symbols`, `timeframes`; `start` and `end` (both or neither) to look only there,
in whole UTC days.

**When it fails**: the log of `validate` names each expectation that does not hold and the
first rows; all of it is in `market.validation_results`, the last failure in
`validation/last_failure.json` too. It is not tried again, for it would find the same, and
collection goes on. Not fresh: see `collect_forward`. Counts that differ: `python -m candlehouse
verify`. A wrong candle: `reconcile_candles` over its range. Each run looks at the same days again
until they are good; `market.validation_totals` says what is validated and what is not.
"""

from __future__ import annotations

from airflow.sdk import AssetOrTimeSchedule, dag

from candlehouse_airflow.dag_parts.defaults import PATIENT, START, TAGS, cron, default_args, summary
from candlehouse_airflow.dag_parts.forms import historical_params
from candlehouse_airflow.dag_parts.validation_trigger import UNVALIDATED
from candlehouse_airflow.tasks.validation import validate


@dag(
    dag_id="validate_candles",
    description=summary(__doc__),
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(timetable=cron("20 4 * * *"), assets=[UNVALIDATED]),
    start_date=START,
    catchup=False,
    # The library needs 300 MB, and two would look at the same.
    max_active_runs=1,
    params=historical_params(),
    default_args=default_args(PATIENT),
    tags=[*TAGS, "validate"],
)
def validate_candles() -> None:
    """One task: the library takes longer to import than most runs take."""
    validate()


validate_candles()
