"""Runs of the collecting DAGs against the stand-in and a real database."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from exchange_sim.testing import RunningExchange

Run = Callable[..., Any]
FEBRUARY = {"start": "2024-02-01", "end": "2024-03-01T00:00:00+00:00"}
HISTORY = {"plan": "success", "collect": "skipped", "judge": "skipped"}
COUNTS = """
    SELECT min(open_time)::text, max(open_time)::text, count(*) / count(DISTINCT symbol),
        count(DISTINCT symbol)
    FROM market.candles
"""
LOADING = """
    SELECT count(*) FILTER (WHERE l.symbol IS NOT NULL), count(s.first_loaded_at)
    FROM market.series AS s LEFT JOIN market.loads AS l USING (symbol, timeframe)
    WHERE s.wanted_from IS NOT NULL
"""
PENDING = "SELECT symbol, sum(pending) FROM market.coverage GROUP BY 1 ORDER BY 1"


def test_forward_run_brings_the_month_up_to_now_and_takes_the_first_snapshot(
    run_dag: Run, market: Any
) -> None:
    outcome = run_dag("collect_forward")
    assert (outcome.state, outcome.tasks) == ("success", {"collect": "success"})
    told = (
        "BNBUSDT, BTCUSDT and 3 more; 1h; 2024-03-01 to 2024-03-10: 1,080 candles stored from"
        " 0 files and 5 requests (weight 10) in "
    )
    assert told in outcome.log
    assert "missing candles that got a verdict: none" in outcome.log
    assert not re.search(r"\w+\(\w+=", outcome.log), "a repr in the log"
    # 2024-03-10 is the exchange's now, whatever the machine's clock says.
    first, last, hours, symbols = market.read(COUNTS)[0]
    assert first.startswith("2024-03-01 00:00")
    assert last.startswith("2024-03-09 23:00")
    assert (hours, symbols) == (9 * 24, 5)
    assert market.read("SELECT DISTINCT source FROM market.universe") == [("settings",)]


def test_backward_run_by_hand_takes_its_range_from_the_form(run_dag: Run, market: Any) -> None:
    form = {**FEBRUARY, "symbols": "BTCUSDT, ETHUSDT", "timeframes": ["4h"]}
    outcome = run_dag("collect_backward", form)
    assert outcome.state == "success"
    assert outcome.tasks == HISTORY
    first, last, candles, symbols = market.read(COUNTS)[0]
    # The run's own data interval, the month before today's, has no part in it.
    assert first.startswith("2024-02-01 00:00")
    assert last.startswith("2024-02-29 20:00")
    assert (candles, symbols) == (29 * 6, 2)


@pytest.mark.parametrize(
    ("dag_id", "form", "complaint"),
    [
        ("collect_backward", {}, "start and end are missing"),
        ("collect_backward", {"start": "2024-02-01"}, "end is missing: give both"),
        ("fill_gaps", {"start": "soon", "end": "later"}, "start: 'soon' is not a date or time"),
        ("collect_forward", {"timeframes": ["7m"]}, "unknown timeframe '7m': one of 1m, 5m"),
        ("collect_forward", {"symbols": "FOOUSDT"}, "symbols: the exchange has no FOOUSDT"),
        ("fill_gaps", {"symbols": ["BTCUSDT", "FOOUSDT"]}, "the exchange has no FOOUSDT"),
        ("collect_forward", {"start": "2024-03-01"}, "the form has no field 'start'"),
    ],
)
def test_form_that_makes_no_sense_fails_at_once_in_one_clear_line(
    run_dag: Run, market: Any, dag_id: str, form: dict[str, object], complaint: str
) -> None:
    outcome = run_dag(dag_id, form, retries=3)
    assert outcome.state == "failed"
    assert set(outcome.tasks.values()) <= {"failed", "upstream_failed"}
    assert complaint in outcome.log
    assert "series failed" not in outcome.log
    assert market.read("SELECT count(*) FROM market.candles") == [(0,)]


@pytest.mark.parametrize(
    "dag_id",
    [
        "collect_backward",
        "refresh_universe",
        "reconcile_candles",
        "validate_candles",
        "maintain_warehouse",
        "watch_warehouse",
    ],
)
def test_form_with_a_key_that_no_field_has_runs_nothing(
    run_dag: Run, market: Any, dag_id: str
) -> None:
    outcome = run_dag(dag_id, {"symbol": "BTCUSDT"}, retries=3)
    assert outcome.state == "failed"
    assert "the form has no field 'symbol': it has symbols, timeframes" in outcome.log
    assert market.read("SELECT count(*) FROM market.series") == [(0,)]


@pytest.mark.parametrize("dag_id", ["reconcile_candles", "validate_candles"])
def test_symbol_that_does_not_exist_is_refused_by_what_only_looks(
    run_dag: Run, market: Any, dag_id: str
) -> None:
    outcome = run_dag(dag_id, {"symbols": "FOOUSDT"}, retries=3)
    assert outcome.state == "failed"
    assert "has no FOOUSDT" in outcome.log or "knows no FOOUSDT" in outcome.log


def test_symbol_that_fails_neither_stops_the_others_nor_is_hidden(
    run_dag: Run, market: Any, exchange: RunningExchange
) -> None:
    exchange.set_faults({"kind": "500", "path": "/api/v3/klines", "symbol": "BNBUSDT"})
    outcome = run_dag("collect_forward")
    assert outcome.state == "failed"
    assert outcome.tasks == {"collect": "failed"}
    assert "1 series failed: BNBUSDT 1h" in outcome.log
    held = market.read("SELECT DISTINCT symbol FROM market.candles ORDER BY 1")
    assert held == [("BTCUSDT",), ("ETHUSDT",), ("SOLUSDT",), ("XRPUSDT",)]


def test_verdicts_are_made_although_a_group_failed(
    run_dag: Run, market: Any, exchange: RunningExchange
) -> None:
    exchange.set_faults(
        {"kind": "500", "path": "/api/v3/klines", "symbol": "BTCUSDT"},
        # 2024-03-05T06:00Z to 08:00Z: nobody has these two hours, and no file is published.
        {"kind": "hole", "from_ms": 1_709_618_400_000, "to_ms": 1_709_625_600_000},
        {"kind": "missing"},
    )
    assert run_dag("collect_forward").state == "failed"
    found = market.read(
        "SELECT symbol, verdict, candles_missing FROM market.gaps WHERE symbol <> 'BTCUSDT'"
        " ORDER BY 1"
    )
    lacking = ("BNBUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    assert found == [(symbol, "exchange_outage", 2) for symbol in lacking]


def test_failure_that_passes_is_tried_again(
    run_dag: Run, market: Any, exchange: RunningExchange
) -> None:
    exchange.set_faults({"kind": "503", "path": "/api/v3/klines", "symbol": "ETH*", "count": 2})
    outcome = run_dag("collect_forward", retries=3)
    assert (outcome.state, outcome.tasks) == ("success", {"collect": "success"})
    assert "1 series failed: ETHUSDT 1h" in outcome.log
    assert market.read(COUNTS)[0][2:] == (9 * 24, 5)


def test_gaps_run_brings_all_that_is_wanted_and_missing(run_dag: Run, market: Any) -> None:
    assert run_dag("collect_forward").state == "success"
    assert [pending > 0 for _, pending in market.read(PENDING)] == [True] * 5
    assert market.read(LOADING) == [(5, 0)]
    outcome = run_dag("fill_gaps")
    # The work of a month of hours is one process's.
    assert (outcome.state, outcome.tasks) == ("success", HISTORY)
    assert market.read(LOADING) == [(0, 5)]
    assert [pending for _, pending in market.read(PENDING)] == [0] * 5
    first, _, hours, symbols = market.read(COUNTS)[0]
    assert first.startswith("2024-02-10 00:00")
    # Two hours are an outage of this market.
    assert (hours, symbols) == (29 * 24 - 2, 5)
    assert market.read("SELECT DISTINCT verdict FROM market.gaps") == [("exchange_outage",)]


def test_empty_universe_fails_and_says_so(
    run_dag: Run, market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBOLS", "")
    monkeypatch.setenv("QUOTE_ASSET", "NOSUCH")
    outcome = run_dag("collect_forward", retries=1)
    assert (outcome.state, outcome.tasks) == ("failed", {"collect": "failed"})


def test_history_is_dealt_out_to_groups_that_fail_by_themselves(
    run_dag: Run, market: Any, exchange: RunningExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("candlehouse.core.planning.windows.GROUP_CANDLES", 500)
    exchange.set_faults({"kind": "500", "path": "/api/v3/klines", "symbol": "BNBUSDT"})
    outcome = run_dag("collect_backward", {**FEBRUARY, "timeframes": "4h"})
    assert outcome.state == "failed"
    # BNBUSDT shares its group with ETHUSDT and XRPUSDT, which are stored all the same.
    groups = {"collect[0]": "failed", "collect[1]": "success"}
    assert outcome.tasks == {"plan": "success", **groups, "judge": "failed"}
    assert outcome.events == ()
    assert "1 series failed: BNBUSDT 4h" in outcome.log
    held = market.read("SELECT DISTINCT symbol FROM market.candles ORDER BY 1")
    assert held == [("BTCUSDT",), ("ETHUSDT",), ("SOLUSDT",), ("XRPUSDT",)]


def test_range_that_is_complete_is_no_group(run_dag: Run, market: Any) -> None:
    form = {**FEBRUARY, "symbols": "BTCUSDT", "timeframes": "4h"}
    assert run_dag("collect_backward", form).tasks == HISTORY
    outcome = run_dag("collect_backward", form)
    assert (outcome.state, outcome.tasks) == ("success", HISTORY)
    assert "nothing to do: every candle is stored or known to be absent" in outcome.log


def test_new_candles_are_told_of_once_by_the_task_that_ends_the_run(
    run_dag: Run, market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {**FEBRUARY, "timeframes": "4h"}
    outcome = run_dag("collect_backward", {**form, "symbols": "BTCUSDT"})
    assert (outcome.tasks, outcome.events) == (HISTORY, (("plan", "candles_1h"),))
    monkeypatch.setattr("candlehouse.core.planning.windows.GROUP_CANDLES", 500)
    outcome = run_dag("collect_backward", form)
    groups = {"collect[0]": "success", "collect[1]": "success"}
    assert outcome.tasks == {"plan": "success", **groups, "judge": "success"}
    assert outcome.events == (("judge", "candles_1h"),)


def test_series_that_fails_in_a_month_fails_its_task_and_the_others_are_judged(
    run_dag: Run, market: Any, exchange: RunningExchange
) -> None:
    exchange.set_faults(
        {"kind": "500", "path": "/api/v3/klines", "symbol": "BNBUSDT"},
        # Two hours of 2024-02-05, in which nobody has a candle, and no file is published.
        {"kind": "hole", "from_ms": 1_707_112_800_000, "to_ms": 1_707_120_000_000},
        {"kind": "missing"},
    )
    outcome = run_dag("collect_backward", FEBRUARY)
    assert outcome.state == "failed"
    assert outcome.tasks["plan"] == "failed"
    assert "1 series failed: BNBUSDT 1h" in outcome.log
    found = market.read("SELECT DISTINCT symbol FROM market.gaps WHERE verdict <> 'pending'")
    assert len(found) == 4


def test_refresh_takes_the_members_from_its_form(run_dag: Run, market: Any) -> None:
    outcome = run_dag("refresh_universe", {"symbols": ["SOLUSDT", "ADAUSDT"]})
    assert (outcome.state, outcome.tasks) == ("success", {"refresh": "success"})
    members = market.read("SELECT symbol FROM market.universe ORDER BY rank")
    assert members == [("SOLUSDT",), ("ADAUSDT",)]


def test_upkeep_runs_on_the_warehouse(run_dag: Run, market: Any) -> None:
    outcome = run_dag("maintain_warehouse")
    assert outcome.state == "success"
    assert outcome.tasks == {
        "maintain_tables": "success",
        # Airflow's tables are in a file here, which the task is not told.
        "clean_metadata": "skipped",
        "clean_logs": "success",
    }


def test_universe_of_past_months_is_made_by_hand(
    run_dag: Run, market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBOLS", "")
    monkeypatch.setenv("TOP_N_CRYPTOS", "3")
    monkeypatch.setenv("BINANCE_PRODUCTS_URL", market.environment["BINANCE_REST_URL"])
    outcome = run_dag("backfill_universe", {"start": "2024-02-15", "end": "2024-03-01"})
    assert (outcome.state, outcome.tasks) == ("success", {"backfill": "success"})
    made = "SELECT as_of, source, count(*) FROM market.universe GROUP BY 1, 2"
    assert market.read(made) == [(datetime(2024, 2, 1, tzinfo=UTC), "volume_backfill", 5)]
