"""Streams live candles into the warehouse, without an end.

**Does**: two slots, `stream_candles_a` and `stream_candles_b`, each run one task after
another. One of them holds a lock in the database and writes; the other has its websockets
open too and goes on within a second when the first ends, for whatever reason. What closed
is written durably, what is forming within STREAM_FLUSH_MS. Candles that a connection lost
or the exchange did not send are fetched by REST, and every closed candle is compared with
REST. Without any websocket for a minute, REST is polled until there is one again.

**Reads** the exchange's streams and klines; `market.universe`, `market.stream_control`.
**Writes** `market.candles_*`, `market.live_candles`, `market.latest_prices`,
`market.confirmations`, `market.corrections`, `market.quarantined_candles`,
`market.stream_sessions`, `market.collector_state`.

**Form**: `symbols` and `timeframes`, to stream only some.

**When it fails**: nothing is lost, and the next try begins after a second. `wait_until_ready`
waits in the triggerer for database, universe and exchange: its log names what is missing.
One line per minute in the log of `stream` says how it fares; `market.stream_sessions` has the
same figures. **To stop**: pause both DAGs, which their tasks notice within seconds; or, for
every session, `python -m candlehouse stream --switch off`, which `--switch on` takes back.
"""

from __future__ import annotations

from airflow.sdk import dag

from candlehouse_airflow.dag_parts.defaults import START, TAGS, URGENT, default_args, summary
from candlehouse_airflow.dag_parts.forms import series_params
from candlehouse_airflow.tasks.streaming import wire_stream

for slot in ("a", "b"):

    @dag(
        dag_id=f"stream_candles_{slot}",
        description=summary(__doc__),
        doc_md=__doc__,
        schedule="@continuous",
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params=series_params(timeframes="Only these. Empty: those of STREAM_TIMEFRAMES."),
        default_args=default_args(URGENT),
        tags=[*TAGS, "stream"],
    )
    def stream_candles() -> None:
        """Wires the tasks of one slot."""
        wire_stream()

    stream_candles()
