"""Takes a snapshot of the universe: BTC, ETH and the best ranked others.

**Does**, once a day: ranks the exchange's pairs by market capitalisation (by volume if no
source of it knows enough of them) and lists every tradable pair. A member stays until it has
fallen far behind; who was ever a member stays collected until it stops trading.

**Reads** the exchange, CoinGecko or the exchange's product list; the snapshot before.
**Writes** `market.universe` (a new snapshot, old ones stay), `market.instruments`.
Tells `fill_gaps`, so that a new member's history is fetched soon.

**Form**: `symbols` are the members of this snapshot, in the place of the ranked ones;
`timeframes` is there as in every DAG and changes nothing here.

**When it fails**: it tries again by itself, and until it succeeds the last snapshot
holds. `lacks ... pairs that trade` and `the source knows the size of ... pairs` mean that an answer
was cut short: no member is dropped for that, and the alert `universe` is open meanwhile. `the
universe is empty` means that no pair of QUOTE_ASSET trades or that SYMBOLS names none that
does. Otherwise see the last line of the log: the exchange or the database was out of reach.
"""

from __future__ import annotations

from airflow.sdk import dag

from candlehouse_airflow.dag_parts.defaults import START, TAGS, cron, default_args, summary
from candlehouse_airflow.dag_parts.forms import series_params
from candlehouse_airflow.tasks.universe import refresh


@dag(
    dag_id="refresh_universe",
    description=summary(__doc__),
    doc_md=__doc__,
    schedule=cron("15 0 * * *"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params=series_params(
        "The members of this snapshot, such as BTCUSDT. Empty: those that rank best.",
        "Changes nothing here.",
    ),
    default_args=default_args(),
    tags=[*TAGS, "universe"],
)
def refresh_universe() -> None:
    """One task."""
    refresh()


refresh_universe()
