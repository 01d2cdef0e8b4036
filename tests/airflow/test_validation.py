"""The validating DAG: what its runs look at, what they let pass, and how they fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Span
from candlehouse.core.timeframe import DAY, Timeframe
from candlehouse.core.validating.validation_due import FULL_RUN_VALID_FOR, ValidationState
from candlehouse.core.validating.validation_windows import Reach
from support.data.stored_market import set_clock, store_market

T0 = datetime(2024, 3, 1, tzinfo=UTC)
Run = Callable[..., Any]
RUNS = "SELECT reach, success, finished_at IS NOT NULL FROM market.validation_runs ORDER BY run_id"
BROKEN = "SELECT suite, expectation, unexpected FROM market.validation_results WHERE NOT success"


def context(run_type: str, **form: object) -> Any:
    return {"dag_run": SimpleNamespace(run_type=run_type), "params": form}


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


GOOD = ValidationState(
    stored=True, expected=100, first_age=timedelta(days=1), history_age=timedelta(hours=1)
)
NEW = replace(GOOD, unvalidated=7)
LOADING = replace(NEW, pending=50, loading=True)


@pytest.mark.parametrize(
    ("run_type", "state", "reason"),
    [
        ("asset_triggered", GOOD, "another run has looked at what was new"),
        # A run that was killed and is tried again does not take itself for another one.
        ("asset_triggered", replace(NEW, running=True, run_age=timedelta(0)), None),
        ("asset_triggered", LOADING, "history is loading: 50 of 100 candles are pending"),
        ("scheduled", LOADING, "history is loading: 50 of 100 candles are pending"),
        ("scheduled", ValidationState(), "nothing is stored yet"),
        ("asset_triggered", replace(GOOD, broken=True), None),
        ("scheduled", GOOD, None),
        ("scheduled", ValidationState(stored=True), None),
        ("manual", ValidationState(), None),
        ("manual", LOADING, None),
    ],
)
def test_run_that_came_by_itself_waits_for_the_load(
    run_type: str, state: ValidationState, reason: str | None
) -> None:
    from candlehouse_airflow.tasks.validation import find_reason_to_pass

    assert find_reason_to_pass(context(run_type), state) == reason


def test_event_is_sent_only_when_a_run_is_due_and_looks_at_what_is_new(
    market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from candlehouse_airflow.tasks import validation

    def trigger(run_type: str = "asset_triggered") -> str:
        event = context(run_type)
        monkeypatch.setattr(validation, "get_current_context", lambda: event)
        return str(validation.validate.function())

    def age(table: str, column: str) -> None:
        with market.engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE market.{table} SET {column} = {column} - interval '1 hour'"
            )

    monkeypatch.setattr(validation, "load_task_settings", validation_settings)
    set_clock(market.engine, T0 + 9 * DAY)
    assert look_once() == []
    store_market(market.engine, ["BTCUSDT"], [Timeframe.H1], Span(T0, T0 + 9 * DAY))
    # The first candles have only come now.
    assert look_once() == []
    with pytest.raises(AirflowSkipException, match="have only come now"):
        trigger()
    age("coverage_days", "changed_at")
    assert look_once() == ["192 candles of history were loaded or changed"]
    assert "hold for 216 candles" in trigger()
    assert look_once() == []
    with pytest.raises(AirflowSkipException, match="another run has looked"):
        trigger()
    assert market.read(RUNS) == [("new", True, True)]
    # The daily run has nothing to do until half a day after all was looked at.
    with pytest.raises(AirflowSkipException, match="everything was looked at in the last 12 hours"):
        trigger("scheduled")
    for _ in range(FULL_RUN_VALID_FOR // timedelta(hours=1) + 1):
        age("validated_days", "exchange_time")
    assert "hold for 216 candles" in trigger("scheduled")
    store_market(market.engine, ["BTCUSDT"], [Timeframe.M5], Span(T0, T0 + 9 * DAY))
    assert "hold for 2,808 candles" in trigger("scheduled")


def look_once() -> list[str]:
    """What the watcher of the DAG's asset sends before it sleeps for the first time."""

    class Asleep(Exception):
        pass

    async def sleep(_: float) -> None:
        raise Asleep

    events: list[str] = []

    from candlehouse_airflow.dag_parts import validation_trigger

    async def watch() -> None:
        async for event in validation_trigger.ValidationDueTrigger().run():
            events.append(event.payload)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation_trigger.asyncio, "sleep", sleep)
        with pytest.raises(Asleep):
            asyncio.run(watch())
    return events


def test_dag_follows_the_watched_asset_alone() -> None:
    from airflow.triggers.base import BaseEventTrigger

    from support.servers.airflow_dags import load_dags

    dag = load_dags()["validate_candles"]
    (asset,) = dag.timetable.asset_condition.objects
    assert asset.name == "unvalidated_candles"
    (watcher,) = asset.watchers
    assert isinstance(watcher.trigger, BaseEventTrigger)
    path, values = watcher.trigger.serialize()
    module, name = path.rsplit(".", 1)
    made = getattr(import_module(module), name)(**values)
    assert made.serialize() == (path, values)


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
    from candlehouse_airflow.tasks.validation import read_validation_scope

    scope = read_validation_scope(context(run_type, timeframes=["1h"], **form))
    assert scope.reach is reach
    assert scope.timeframes == (Timeframe.H1,)
    with pytest.raises(ConfigurationError, match="unknown timeframe '7m'"):
        read_validation_scope(context(run_type, timeframes=["7m"]))


def test_nothing_depends_on_validation() -> None:
    from support.servers.airflow_dags import load_dags

    dag = load_dags()["validate_candles"]
    assert [task.pool for task in dag.tasks] == ["gx"]
    assert [task.outlets for task in dag.tasks] == [[]]
