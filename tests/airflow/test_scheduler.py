"""The real thing once: scheduler, dag-processor and api-server, from nothing to complete."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from exchange_sim.testing import running
from support.servers.airflow_stack import RunningAirflow, running_airflow

# Six days into a month: one month that is over, and one that is not.
CLOCK = "2024-03-06T00:00:00Z"
SYMBOLS = ("BTCUSDT", "ETHUSDT")
LONGEST_S = 180.0
MONTH_AFTER = "2024-05-01"


@pytest.mark.timeout(330)  # On a busy machine only: usually a minute.
def test_scheduler_completes_the_record_and_upkeep_keeps_the_months(server_home: Path) -> None:
    with running(seed=5, clock=CLOCK, frozen=True, weight_limit=100_000) as exchange:
        variables = {
            "BINANCE_REST_URL": exchange.url,
            "SYMBOLS": ",".join(SYMBOLS),
            "TIMEFRAMES": "1h",
            "COLLECTION_START_DATE": "2024-02-20",
            # Only the two that are to bring everything between them.
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            # Nothing changes: every file is read once.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }
        with running_airflow(server_home, variables) as airflow:
            collect(airflow)
            assert airflow.said == []
            check_record(airflow.warehouse_url)
            check_upkeep(airflow)


def collect(airflow: RunningAirflow) -> None:
    """Waits until February, March and a month after the exchange's now have run."""
    started = time.monotonic()
    airflow.unpause("collect_backward", "collect_forward")

    def done() -> bool:
        backward = airflow.count_runs("collect_backward", MONTH_AFTER)["success"]
        return backward >= 3 and airflow.count_runs("collect_forward")["success"] >= 1

    airflow.wait_until(done, LONGEST_S, "catch-up")
    notes = airflow.read("SELECT content FROM dag_run_note ORDER BY content LIMIT 1")
    assert notes == [("History of 2024-02: from 2024-02-01 up to 2024-03-01, UTC",)]
    print(f"complete after {time.monotonic() - started:.0f} s")


def check_record(url: str) -> None:
    """Nothing pending, everything there, and the counts are right."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT symbol, sum(expected)::int, sum(pending)::int FROM market.coverage"
                " GROUP BY 1 ORDER BY 1"
            )
            hours = (10 + 5) * 24
            assert cursor.fetchall() == [(symbol, hours, 0) for symbol in sorted(SYMBOLS)]
    finally:
        connection.close()
    engine = connect(url)
    try:
        with engine.connect() as session:
            assert list(find_differences(session)) == []
    finally:
        engine.dispose()


def check_upkeep(airflow: RunningAirflow) -> None:
    """Cleaning Airflow's tables leaves the runs of months, which catch-up goes on from."""
    from candlehouse_airflow.runtime.airflow_metadata import clean, find_old

    airflow.unpause()
    months = airflow.count_runs("collect_backward", MONTH_AFTER)
    assert "log" in find_old(airflow.metadata_url, datetime.now(UTC))
    clean(airflow.metadata_url, timedelta(0))
    assert "dag_run" not in find_old(airflow.metadata_url, datetime.now(UTC))
    assert airflow.count_runs("collect_backward", MONTH_AFTER) == months
    # The newest run of each other DAG stays too: its schedule goes on from there.
    assert sum(airflow.count_runs("collect_forward").values()) == 1
