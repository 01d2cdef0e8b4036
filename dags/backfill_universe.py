"""Makes the universe of past months, so that the coins that were in it then are collected.

**Does**, when it is triggered by hand: stores for the first of each month before the first
snapshot who would have been in, ranked by the quote volume of the month before it and nothing
later; pairs that have ended take part. A member stays until its rank passes 1.2 times
`TOP_N_CRYPTOS`. Without it `universe_at` of a past moment is empty, and history is that of
today's members alone: a study over it has survivorship bias.

**Reads** the exchange: its list of pairs, and daily candles of each (a request for up to 1000
days); published files of pairs that REST does not know any more.
**Writes** `market.monthly_volumes`, `market.universe` with the source `volume_backfill`; never
where a snapshot is, nor after the first that was taken live. All members are wanted from then
on; tells `fill_gaps`, which collects them.

**Form**: `start` and `end` choose months by their first moment; without them all from that of
`COLLECTION_START_DATE` on. `symbols` and `timeframes` are there as in every DAG and change
nothing here.

**When it fails**: it tries again by itself and goes on where it was; what was asked is kept.
Triggered again it only does what is still missing.
"""

from __future__ import annotations

from airflow.sdk import dag

from candlehouse_airflow.dag_parts.defaults import PATIENT, START, TAGS, default_args, summary
from candlehouse_airflow.dag_parts.forms import month_params
from candlehouse_airflow.tasks.universe import backfill


@dag(
    dag_id="backfill_universe",
    description=summary(__doc__),
    doc_md=__doc__,
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params=month_params(),
    default_args=default_args(PATIENT),
    tags=[*TAGS, "universe"],
)
def backfill_universe() -> None:
    """One task."""
    backfill()


backfill_universe()
