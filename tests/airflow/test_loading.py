"""What runs by schedule while history loads, and what Airflow's own tables are cleaned of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

Run = Callable[..., Any]
WANTED = """
    INSERT INTO market.series (symbol, timeframe, wanted_from)
    VALUES ('BTCUSDT', '1h', '2024-03-01')
"""
# As many columns of Airflow's tables as are asked about.
AIRFLOW_TABLES = """
    CREATE TABLE dag_run (dag_id text, run_type text, start_date timestamptz);
    CREATE TABLE asset_event (timestamp timestamptz);
    CREATE TABLE callback (created_at timestamptz);
    CREATE TABLE import_error (timestamp timestamptz);
    CREATE TABLE job (latest_heartbeat timestamptz);
    CREATE TABLE log (dttm timestamptz);
    CREATE TABLE revoked_token (exp timestamptz)
"""


def execute(engine: Any, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


@pytest.fixture
def by_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "candlehouse_airflow.runtime.loading.is_started_by_hand", lambda context: False
    )


@pytest.mark.parametrize(
    ("dag_id", "task_id"),
    [("maintain_warehouse", "maintain_tables"), ("reconcile_candles", "reconcile")],
)
def test_heavy_run_by_schedule_is_left_to_the_next_one_while_history_loads(
    run_dag: Run, market: Any, by_schedule: None, dag_id: str, task_id: str
) -> None:
    assert run_dag("refresh_universe").state == "success"
    assert run_dag(dag_id).tasks[task_id] == "skipped"
    # A load that stands still keeps nobody from anything.
    execute(market.engine, "UPDATE market.loads SET progressed_at = now() - interval '2 hours'")
    assert run_dag(dag_id).tasks[task_id] == "success"


def test_run_by_hand_works_while_history_loads(run_dag: Run, market: Any) -> None:
    execute(market.engine, WANTED)
    assert run_dag("maintain_warehouse").tasks["maintain_tables"] == "success"


def test_only_tables_that_have_old_rows_are_cleaned(
    fresh_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:

    url = fresh_database()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    execute(engine, AIRFLOW_TABLES)
    cleaned: list[str] = []
    from candlehouse_airflow.runtime import airflow_metadata

    monkeypatch.setattr(airflow_metadata, "_run", lambda tables, *_: cleaned.append(tables[0]))

    def clean() -> list[str]:
        cleaned.clear()
        airflow_metadata.clean(url, timedelta(days=30))
        return list(cleaned)

    def add_run(dag_id: str, run_type: str, age: str) -> None:
        execute(
            engine,
            "INSERT INTO dag_run VALUES (:dag_id, :run_type, now() - CAST(:age AS interval))",
            dag_id=dag_id,
            run_type=run_type,
            age=age,
        )

    assert clean() == []
    execute(engine, "INSERT INTO log VALUES (now() - interval '29 days')")
    # Months stay, and so does the newest run of a DAG that was paused long ago.
    add_run("collect_backward", "scheduled", "99 days")
    add_run("collect_backward", "scheduled", "98 days")
    add_run("fill_gaps", "scheduled", "40 days")
    assert clean() == []
    add_run("fill_gaps", "scheduled", "41 days")
    assert clean() == ["dag_run"]
    execute(engine, "DELETE FROM dag_run WHERE start_date < now() - interval '40 days 12 hours'")
    add_run("fill_gaps", "manual", "31 days")
    execute(engine, "INSERT INTO job VALUES (now() - interval '31 days')")
    execute(engine, "INSERT INTO log VALUES (now() - interval '31 days')")
    assert clean() == ["dag_run", "job,log"]
    engine.dispose()


def test_age_of_rows_is_told_by_the_columns_that_airflow_cleans_by() -> None:
    from airflow.utils.db_cleanup import config_dict

    from candlehouse_airflow.runtime.airflow_metadata import RECENCY

    columns = {table: config_dict[table].recency_column_name for table in [*RECENCY, "dag_run"]}
    assert columns == {**RECENCY, "dag_run": "start_date"}
