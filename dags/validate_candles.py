"""Checks stored candles against expectations, with Great Expectations.

**Does**, when there is something to do: validates all candles that were stored or changed since
they were validated, and universe, instruments and gaps. That is at once when a load of history
is over, and once an hour for new candles; a load in progress is waited for. Once a day, at
04:20 UTC, it validates everything that is stored. First, candles get the flags that depend on
their neighbours or on their quote volume. The database evaluates one window at a time, so that
memory does not grow with history; results are recorded per window, so that a run that is killed
loses one window at most. A run started by hand always validates.

The asset `unvalidated_candles` has a watcher in the triggerer, which asks the database every
5 seconds whether a run is due.

**Reads** `market.candles_*`, `market.coverage_days`, `market.gaps`, `market.universe`,
`market.instruments`, `market.confirmations`, `market.corrections`, the exchange's clock.
**Writes** `market.validation_runs`, `market.validation_results`, `market.validated_days`, `flags`
of candles, and one page per run below `CANDLEHOUSE_HOME` (`validation/index.html`).

**Form**: `symbols`, `timeframes`; `start` and `end` (both or neither) to validate only that
range, in whole UTC days.

**When it fails**: the log of `validate` names each expectation that does not hold and the
first rows; all of it is in `market.validation_results`, the last failure in
`validation/last_failure.json` too. It is not tried again, for it would find the same, and
collection goes on. Not fresh: see `collect_forward`. Counts that differ: `python -m candlehouse
verify`. A wrong candle: `reconcile_candles` over its range. Each run validates these days again
until no expectation is broken; `market.validation_totals` says what is validated.
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
    # The library needs 300 MB, and two runs would validate the same candles.
    max_active_runs=1,
    params=historical_params(),
    default_args=default_args(PATIENT),
    tags=[*TAGS, "validate"],
)
def validate_candles() -> None:
    """One task: the library takes longer to import than most runs take."""
    validate()


validate_candles()
