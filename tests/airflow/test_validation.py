"""The validating DAG: what its runs look at, what they let pass, and how they fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validation import Reach

Run = Callable[..., Any]
RUNS = "SELECT reach, success, finished_at IS NOT NULL FROM market.validation_runs ORDER BY run_id"
BROKEN = "SELECT suite, expectation, unexpected FROM market.validation_results WHERE NOT success"


def context(run_type: str, at_work: int = 0, **form: object) -> Any:
    instance = SimpleNamespace(get_ti_count=lambda dag_id, states: at_work)
    return {"dag_run": SimpleNamespace(run_type=run_type), "params": form, "ti": instance}


def test_good_run_says_what_it_looked_at(run_dag: Run, market: Any) -> None:
    form = {"symbols": "BTCUSDT", "start": "2024-03-01", "end": "2024-03-05"}
    assert run_dag("collect_forward").state == "success"
    assert run_dag("fill_gaps").state == "success"
    outcome = run_dag("validate_candles", {**form, "timeframes": "1h"})
    assert (outcome.state, outcome.tasks) == ("success", {"validate": "success"})
    assert "expectations hold for 96 candles" in outcome.log
    assert market.read(RUNS) == [("range", True, True)]


def test_broken_expectation_fails_the_run_at_once_and_names_it_and_the_row(
    run_dag: Run, market: Any, tmp_path: Path
) -> None:
    assert run_dag("collect_forward").state == "success"
    with market.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE market.candles_1h SET volume = -0.00000001"
            " WHERE symbol = 'ETHUSDT' AND open_time = '2024-03-04 05:00+00'"
        )
    outcome = run_dag("validate_candles", retries=3)
    assert (outcome.state, outcome.tasks) == ("failed", {"validate": "failed"})
    told = (
        "candles 1h: NOT volume is never negative: 1 of 1,080 rows: symbol ETHUSDT,"
        " open_time 2024-03-04 05:00:00+00:00, volume -0.00000001"
    )
    assert told in outcome.log
    # Looked at once, although the task may be tried again when the database is away.
    assert market.read(RUNS) == [("everything", False, True)]
    failure = json.loads((tmp_path / "validation" / "last_failure.json").read_text())
    assert failure["dag"] == "validate_candles"
    assert told in failure["reason"]
    assert ("candles", "volume is never negative", 1) in market.read(BROKEN)


def test_form_that_makes_no_sense_fails_in_one_clear_line(run_dag: Run, market: Any) -> None:
    outcome = run_dag("validate_candles", {"start": "2024-03-01"}, retries=3)
    assert outcome.state == "failed"
    assert "end is missing: give both start and end, or neither" in outcome.log
    assert market.read(RUNS) == []


@pytest.mark.parametrize(
    ("run_type", "has_run", "at_work", "passes"),
    [
        ("asset_triggered", False, 0, False),
        ("asset_triggered", True, 0, True),
        ("asset_triggered", False, 1, True),
        ("scheduled", True, 1, False),
        ("manual", True, 1, False),
    ],
)
def test_only_events_pass_within_the_hour_or_while_history_is_at_work(
    run_type: str, has_run: bool, at_work: int, passes: bool
) -> None:
    from candlehouse_airflow.validation import find_reason_to_pass

    reason = find_reason_to_pass(context(run_type, at_work), has_run)
    assert (reason is not None) is passes


def test_event_is_skipped_after_a_run_within_the_hour(
    market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from candlehouse_airflow import validation

    def trigger() -> str:
        event = context("asset_triggered")
        monkeypatch.setattr(validation, "get_current_context", lambda: event)
        return str(validation.validate.function())

    monkeypatch.setattr(validation, "load_task_settings", validation_settings)
    assert "0 candles" in trigger()
    with pytest.raises(AirflowSkipException, match="another validation ended less than"):
        trigger()
    with market.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE market.validation_runs SET finished_at = finished_at - interval '1 hour'"
        )
    assert "0 candles" in trigger()
    assert market.read(RUNS) == [("new", True, True)] * 2


def validation_settings() -> Any:
    from candlehouse.settings import load_settings

    return load_settings()


@pytest.mark.parametrize(
    ("run_type", "form", "reach"),
    [
        ("asset_triggered", {}, Reach.NEW),
        ("scheduled", {}, Reach.EVERYTHING),
        ("manual", {}, Reach.EVERYTHING),
        ("manual", {"start": "2024-03-01", "end": "2024-03-02"}, Reach.RANGE),
    ],
)
def test_reach_depends_on_who_started_the_run(
    run_type: str, form: dict[str, object], reach: Reach
) -> None:
    from candlehouse_airflow.validation import read_validation_scope

    scope = read_validation_scope(context(run_type, timeframes=["1h"], **form))
    assert scope.reach is reach
    assert scope.timeframes == (Timeframe.H1,)
    with pytest.raises(ConfigurationError, match="unknown timeframe '7m'"):
        read_validation_scope(context(run_type, timeframes=["7m"]))


def test_nothing_depends_on_validation() -> None:
    from support.airflow_dags import load_dags

    dag = load_dags()["validate_candles"]
    assert [task.pool for task in dag.tasks] == ["gx"]
    assert [task.outlets for task in dag.tasks] == [[]]
