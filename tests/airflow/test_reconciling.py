"""Runs of `reconcile_candles` against the stand-in and a real database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from exchange_sim.testing import RunningExchange

Run = Callable[..., Any]
PAIRS = """
    SELECT stored_source, source, sum(compared)::integer, sum(differing)::integer
    FROM market.reconciliations WHERE stored_source <> 'none' GROUP BY 1, 2 ORDER BY 1, 2
"""


def test_the_last_days_are_compared_and_corrected(run_dag: Run, market: Any) -> None:
    assert run_dag("collect_forward").state == "success"
    with market.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE market.candles_1h SET source = 'stream', volume = volume + 1"
                " WHERE open_time = '2024-03-08 05:00Z'"
            )
        )
    outcome = run_dag("reconcile_candles")
    assert (outcome.state, outcome.tasks) == ("success", {"reconcile": "success"})
    # From 2024-03-07 on, three days of five symbols; of the last the file comes at six.
    assert market.read(PAIRS) == [
        ("rest", "archive", 5 * 48, 0),
        ("rest", "rest", 5 * 70, 0),
        ("stream", "rest", 5, 5),
    ]
    assert market.read("SELECT DISTINCT source FROM market.candles") == [("rest",)]
    again = run_dag("reconcile_candles")
    assert again.state == "success"
    assert "0 candles corrected, 0 newly refused" in again.log
    assert "0 files loaded, 10 files unchanged" in again.log


def test_a_range_and_series_come_from_the_form(run_dag: Run, market: Any) -> None:
    form = {
        "start": "2024-02-20", "end": "2024-02-22", "symbols": ["BTCUSDT"], "timeframes": ["4h"],
    }  # fmt: skip
    assert run_dag("reconcile_candles", form).state == "success"
    # Nothing was stored: REST brought it, and the files confirm it.
    assert market.read(PAIRS) == [("rest", "archive", 12, 0)]
    outcome = run_dag("reconcile_candles", {"start": "2024-02-20"})
    assert outcome.state == "failed"
    assert "end is missing" in outcome.log


def test_what_fails_is_named_and_the_rest_is_compared(
    run_dag: Run, market: Any, exchange: RunningExchange
) -> None:
    assert run_dag("collect_forward").state == "success"
    exchange.set_faults({"kind": "500", "path": "/api/v3/klines", "symbol": "BNBUSDT"})
    outcome = run_dag("reconcile_candles")
    assert outcome.state == "failed"
    assert "1 could not be compared: BNBUSDT 1h: " in outcome.log
    pairs = {(stored, source): n for stored, source, n, _ in market.read(PAIRS)}
    assert pairs["rest", "archive"] == 5 * 48
    assert 0 < pairs["rest", "rest"] < 5 * 72
