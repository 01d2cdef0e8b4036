"""The DAG that watches, and the notifiers it tells."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text

from exchange_sim.testing import RunningExchange

Run = Callable[..., Any]
OPEN = "SELECT name, subject, notified_at IS NOT NULL FROM market.alerts ORDER BY 1, 2"
LATE = """
INSERT INTO market.exchange_state (identity, rest_url, coingecko_url, products_url,
    exchange_time, clock_offset_ms, weight_limit, close_grace)
VALUES ('test', '', '', '', '2024-03-10', 0, 6000, '10 minutes');
INSERT INTO market.series (symbol, timeframe, wanted_from) VALUES ('BTCUSDT', '1h', '2024-03-01');
-- It had loaded some time ago.
DELETE FROM market.loads;
"""


def make_late(market: Any) -> None:
    with market.engine.begin() as connection:
        for statement in LATE.split(";")[:3]:
            connection.execute(text(statement))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notifier of somebody else's was told; it fails on its first call."""
    from airflow.sdk.bases.notifier import BaseNotifier

    heard: list[str] = []
    calls: list[str] = []

    class Pager(BaseNotifier):
        template_fields = ("message",)

        def __init__(self, message: str) -> None:
            super().__init__()
            self.message = message

        def notify(self, context: Any) -> None:
            calls.append(self.message)
            if len(calls) == 1:
                raise ConnectionError("the pager is out of reach")
            assert context["dag"].dag_id == "watch_warehouse"
            heard.append(self.message)

    module = ModuleType("somebodys_pager")
    module.Pager = Pager  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys_pager", module)
    monkeypatch.setenv("CANDLEHOUSE_NOTIFIER", "somebodys_pager.Pager")
    return heard


def test_alerts_go_to_the_log_once_and_fail_no_run(run_dag: Run, market: Any) -> None:
    make_late(market)
    outcome = run_dag("watch_warehouse")
    assert (outcome.state, outcome.tasks) == ("success", {"watch": "success"})
    assert market.read(OPEN) == [("completeness", "1h", True), ("freshness", "1h", True)]
    assert "candlehouse: freshness: 1h: the newest candle is" in outcome.log
    assert "candlehouse: freshness" not in run_dag("watch_warehouse").log


def test_notifier_that_fails_is_called_again_by_the_next_run(
    run_dag: Run, market: Any, told: list[str]
) -> None:
    make_late(market)
    assert run_dag("watch_warehouse").state == "success"
    assert [message.split(":")[1].strip() for message in told] == ["freshness"]
    assert market.read(OPEN) == [("completeness", "1h", False), ("freshness", "1h", True)]
    assert run_dag("watch_warehouse").state == "success"
    assert [message.split(":")[1].strip() for message in told] == ["freshness", "completeness"]
    assert market.read(OPEN) == [("completeness", "1h", True), ("freshness", "1h", True)]


def test_series_that_the_exchange_never_answers_for_is_told_of_as_a_load_that_stands_still(
    run_dag: Run, market: Any, exchange: RunningExchange
) -> None:
    assert run_dag("refresh_universe").state == "success"
    exchange.set_faults({"kind": "500", "path": "/api/v3/klines", "symbol": "BNBUSDT"})
    # The first load is on its way: nothing is late yet.
    assert run_dag("watch_warehouse").state == "success"
    assert market.read(OPEN) == []
    assert run_dag("fill_gaps").state == "failed"
    assert market.read("SELECT symbol FROM market.loads") == [("BNBUSDT",)]
    stand_still = "UPDATE market.loads SET progressed_at = progressed_at - interval '61 minutes'"
    with market.engine.begin() as connection:
        connection.execute(text(stand_still))
    assert run_dag("watch_warehouse").state == "success"
    told = market.read("SELECT name, message FROM market.alerts WHERE name <> 'error_rate'")
    assert [name for name, _ in told] == ["loading"]
    # Files brought February; the hours of March are of REST alone.
    assert "(BNBUSDT of 1 series that load: 215 pending, last error: " in told[0][1]


def test_notifier_that_is_none_fails_at_once_in_one_clear_line(
    run_dag: Run, market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDLEHOUSE_NOTIFIER", "candlehouse.nothing.Pager")
    outcome = run_dag("watch_warehouse", retries=2)
    assert outcome.state == "failed"
    assert "CANDLEHOUSE_NOTIFIER='candlehouse.nothing.Pager' is no class" in outcome.log
