"""Forms, run types and failures, without running a DAG."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from candlehouse.core.errors import (
    CollectionIncomplete,
    ConfigurationError,
    ExchangeUnavailable,
    RateLimited,
    UnknownSymbol,
)
from candlehouse.core.model import Span
from candlehouse.core.planning.windows import Window, window_span
from candlehouse.core.timeframe import Timeframe
from candlehouse.settings import load_settings

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
SETTINGS = load_settings({"TIMEFRAMES": "5m,1h", "COLLECTION_START_DATE": "2024-02-10"})


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def context(run_type: str, start: str | None, end: str | None, **form: object) -> Any:
    run = SimpleNamespace(
        run_type=run_type,
        data_interval_start=day(start) if start else None,
        data_interval_end=day(end) if end else None,
    )
    return {"dag_run": run, "params": form}


def read(window: Window, interval: Span | None = None, **form: object) -> Any:
    from candlehouse_airflow.dag_parts.forms import read_scope

    return read_scope(window, form, interval, NOW)


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"symbols": ["BTC/USDT"]}, "symbols: 'BTC/USDT' is not a symbol such as BTCUSDT"),
        ({"symbols": "btcusdt"}, "symbols: 'btcusdt' is not a symbol: symbols are upper case"),
        ({"symbols": " , "}, "symbols: ' , ' names nothing"),
        ({"symbols": 5}, "symbols: 5 is not a list"),
        ({"timeframes": ["1h", "1M"]}, "timeframes: unknown timeframe '1M': one of 1m, 5m"),
        ({"start": "2024-02-30", "end": "2024-03-01"}, "start: '2024-02-30' is not a date"),
        ({"start": "2024-02-01", "end": "9999-12-31"}, "in the years 1970 to 2199"),
        ({"start": "2024-02-01", "end": "nonsense"}, "end: 'nonsense' is not a date"),
        ({"end": "2024-02-01"}, "start is missing: give both start and end, or neither"),
        ({"start": "2024-03-02", "end": "2024-03-01"}, "is not before end"),
        ({"start": "2024-03-02", "end": "2024-03-02"}, "is not before end"),
        ({"start": "2024-04-01", "end": "2024-05-01"}, "is in the future: the exchange's clock"),
    ],
)
def test_form_that_makes_no_sense_is_refused(form: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(Window.GAPS, **form)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_form_takes_lists_and_comma_lists_and_nothing() -> None:
    assert read(Window.FORWARD).timeframes == ()
    assert read(Window.FORWARD, symbols=None, timeframes=[]).symbols == ()
    scope = read(Window.FORWARD, symbols=" BTCUSDT,ETHUSDT,BTCUSDT ", timeframes="1d, 4h")
    assert scope.symbols == ("BTCUSDT", "ETHUSDT")
    assert scope.timeframes == (Timeframe.D1, Timeframe.H4)
    assert read(Window.FORWARD, symbols=["SOLUSDT", " "]).symbols == ("SOLUSDT",)


@pytest.mark.parametrize(("ranged", "fields"), [(False, ""), (True, ", start, end")])
def test_key_that_the_form_does_not_have_is_refused(ranged: bool, fields: str) -> None:
    from candlehouse_airflow.dag_parts.forms import read_form

    with pytest.raises(ConfigurationError) as raised:
        read_form(context("manual", None, None, symbol="BTCUSDT", symbols=None), ranged=ranged)
    complaint = f"the form has no field 'symbol': it has symbols, timeframes{fields}"
    assert str(raised.value) == complaint


def test_range_of_the_form_is_utc_unless_it_says_otherwise() -> None:
    scope = read(Window.BACKWARD, start="2024-01-05T02:00:00+02:00", end="2024-01-06")
    assert scope.span == Span(day("2024-01-05"), day("2024-01-06"))
    assert scope.interval is None


def test_backward_run_by_hand_without_a_range_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="start and end are missing"):
        read(Window.BACKWARD, symbols="BTCUSDT")


def test_month_of_a_scheduled_run_is_cut_to_the_start_date_and_the_exchanges_now() -> None:
    def span(start: str, end: str) -> Span | None:
        interval = Span(day(start), day(end))
        scope = read(Window.BACKWARD, interval)
        return window_span(scope, SETTINGS.collection_start, NOW)

    assert span("2024-02-01", "2024-03-01") == Span(day("2024-02-10"), day("2024-03-01"))
    assert span("2024-03-01", "2024-04-01") == Span(day("2024-03-01"), NOW)
    assert span("2024-01-01", "2024-02-01") is None
    assert span("2025-07-01", "2025-08-01") is None


def test_range_of_the_form_has_no_part_in_a_backfill() -> None:
    month = Span(day("2024-02-01"), day("2024-03-01"))
    scope = read(Window.BACKWARD, month, start="2020-01-01", symbols="BTCUSDT")
    assert (scope.span, scope.interval, scope.symbols) == (None, month, ("BTCUSDT",))


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_data_interval_counts_for_runs_that_the_schedule_made(run_type: str) -> None:
    from candlehouse_airflow.runtime.dag_runs import read_interval

    found = read_interval(context(run_type, "2024-02-01", "2024-03-01"))
    assert found == Span(day("2024-02-01"), day("2024-03-01"))


@pytest.mark.parametrize("run_type", ["manual", "asset_triggered", "operator_triggered"])
def test_data_interval_of_other_runs_is_ignored(run_type: str) -> None:
    from candlehouse_airflow.runtime.dag_runs import read_interval

    assert read_interval(context(run_type, "2024-02-01", "2024-03-01")) is None


def test_month_after_the_exchanges_now_has_nothing_to_do_and_says_so(
    market: Any, airflow_tables: None, caplog: pytest.LogCaptureFixture
) -> None:
    from candlehouse_airflow.tasks.collecting import _plan

    late = context("scheduled", "2025-07-01", "2025-08-01")
    with caplog.at_level(logging.INFO):
        assert asyncio.run(_plan(Window.BACKWARD, late)) == []
    assert "nothing to do" in caplog.text
    assert "2024-03-10" in caplog.text
    present = context("backfill", "2024-02-01", "2024-03-01")
    # A month is little work, which the task that plans does itself.
    assert asyncio.run(_plan(Window.BACKWARD, present)) == []
    assert market.read("SELECT count(DISTINCT symbol) FROM market.candles") == [(5,)]


@pytest.mark.parametrize(
    ("window", "run_type", "at_work", "waits"),
    [
        (Window.GAPS, "scheduled", [2], True),
        (Window.GAPS, "asset_triggered", [1], True),
        # Between two tasks of a run there is a moment without any.
        (Window.GAPS, "scheduled", [0, 0, 1], True),
        (Window.GAPS, "scheduled", [0, 0, 0], False),
        (Window.GAPS, "manual", [2], False),
        (Window.FORWARD, "scheduled", [2], False),
    ],
)
def test_gaps_wait_for_history_while_it_is_at_work(
    window: Window, run_type: str, at_work: list[int], waits: bool
) -> None:
    from airflow.sdk.exceptions import AirflowRescheduleException

    from candlehouse_airflow.tasks.collecting import _wait_for_history

    looks = iter(at_work)
    run = context(run_type, None, None)
    run["ti"] = SimpleNamespace(get_ti_count=lambda dag_id, states: next(looks))
    if waits:
        with pytest.raises(AirflowRescheduleException):
            _wait_for_history(window, run, sleep=lambda seconds: None)
    else:
        _wait_for_history(window, run, sleep=lambda seconds: None)


def test_failure_that_no_retry_mends_ends_the_task(caplog: pytest.LogCaptureFixture) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from candlehouse_airflow.runtime.failures import airflow_failures

    with pytest.raises(AirflowFailException, match="no such symbol"), airflow_failures():
        raise UnknownSymbol("no such symbol: XUSDT")
    assert caplog.messages == ["no such symbol: XUSDT"]


def test_failure_that_may_pass_stays_what_it_is_without_its_inner_trace() -> None:
    from candlehouse_airflow.runtime.failures import airflow_failures

    failure = ExchangeUnavailable("binance is out of reach")
    failure.__cause__ = OSError("connection reset")
    with pytest.raises(ExchangeUnavailable) as raised, airflow_failures():
        raise failure
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_retry_waits_until_the_gate_opens() -> None:
    from airflow.sdk import RetryAction

    from candlehouse_airflow.runtime.failures import WaitForGate

    closed = WaitForGate().evaluate(RateLimited("banned", 321), 1, 4)
    assert (closed.action, closed.retry_delay) == (RetryAction.RETRY, timedelta(seconds=321))
    usual = WaitForGate().evaluate(CollectionIncomplete({"X 1h": "503"}), 1, 4)
    assert (usual.action, usual.retry_delay) == (RetryAction.DEFAULT, None)


def test_key_of_the_connection_wins(airflow_tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from candlehouse_airflow.runtime.resources import load_task_settings

    monkeypatch.setenv("BINANCE_API_KEY", "from-environment")
    monkeypatch.setenv("BINANCE_API_SECRET", "its-secret")
    settings = load_task_settings()
    assert (settings.api_key, settings.api_secret) == ("from-environment", "its-secret")
    monkeypatch.setenv("AIRFLOW_CONN_BINANCE_DEFAULT", "http://key:se%2Fcret@")
    settings = load_task_settings()
    assert (settings.api_key, settings.api_secret) == ("key", "se/cret")


def test_old_files_are_deleted_and_folders_that_are_empty_for_long(tmp_path: Path) -> None:
    from candlehouse_airflow.tasks.maintenance import delete_old_files

    old, new = tmp_path / "a" / "b" / "old.log", tmp_path / "c" / "new.log"
    for path in (old, new):
        path.parent.mkdir(parents=True)
        path.write_text("line")
    os.utime(old, (1000, 1000))
    link = tmp_path / "latest"
    link.symlink_to(new.parent)
    assert delete_old_files(tmp_path, before=2000) == 1
    assert (old.exists(), old.parent.exists(), new.exists()) == (False, True, True)
    for folder in (old.parent, new.parent):
        os.utime(folder, (1000, 1000))
    assert delete_old_files(tmp_path, before=2000) == 0
    assert (old.parent.exists(), new.exists(), link.exists()) == (False, True, True)


def test_metadata_url_is_the_embedded_servers_unless_named(
    fresh_database: Callable[..., str], embedded_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from candlehouse_airflow.runtime.airflow_metadata import find_metadata_url

    home = str(embedded_server.places.folder.parent)
    settings = load_settings({"CANDLEHOUSE_HOME": home})
    assert find_metadata_url(settings) == embedded_server.url("airflow")
    monkeypatch.setenv("CANDLEHOUSE_METADATA_URL", "postgresql://elsewhere/airflow")
    assert find_metadata_url(settings) == "postgresql://elsewhere/airflow"
    monkeypatch.delenv("CANDLEHOUSE_METADATA_URL")
    assert find_metadata_url(load_settings({"CANDLEHOUSE_HOME": home + "/nowhere"})) is None


def test_months_are_chosen_by_any_moment_of_them() -> None:
    from candlehouse_airflow.dag_parts.forms import read_months

    assert read_months({}) == (None, None)
    last = day("2024-03-01") - timedelta(microseconds=1)
    assert read_months({"start": "2024-01-17", "end": "2024-03-01"}) == (day("2024-01-17"), last)
    with pytest.raises(ConfigurationError, match="is not before end"):
        read_months({"start": "2024-03-01", "end": "2024-03-01"})
