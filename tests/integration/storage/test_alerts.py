"""What is measured for alerts in warehouses that are wrong in one way each."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.cli import main
from candlehouse.core.alerts import AlertKey, Metric, Thresholds
from candlehouse.pipelines.alerts import evaluate_alerts
from candlehouse.storage.alerts import mark_notified, measure, select_open
from candlehouse.storage.database import connect
from candlehouse.storage.sessions import Counters, Mode, Role, SessionState, start_session
from candlehouse.storage.sessions import update_session as keep_session
from support.four_hours import SLOT, T0, set_clock, store, want

LIMITS = Thresholds(99.9, timedelta(hours=1), 1.0, 98.0, 0)
COMPLETE = AlertKey(Metric.COMPLETENESS, "4h")
FRESH = AlertKey(Metric.FRESHNESS, "4h")


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def values(engine: Engine) -> Mapping[AlertKey, float]:
    with engine.connect() as connection:
        return {one.key: one.value for one in measure(connection)}


def run(engine: Engine, statement: str, **parameters: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), parameters)


def hold(engine: Engine, symbol: str, count: int) -> None:
    """The first slots of a series that is wanted from T0 on."""
    want(engine, symbol, 0, None)
    store(engine, symbol, [T0 + n * SLOT for n in range(count)])


def opened(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [(one.name, one.subject) for one in select_open(connection)]


def test_empty_warehouse_has_nothing_to_tell(engine: Engine) -> None:
    assert values(engine) == {AlertKey(Metric.CORRECTIONS, "candles"): 0.0}
    assert evaluate_alerts(engine, LIMITS) == []


def test_completeness_counts_what_is_pending_of_a_timeframe(engine: Engine) -> None:
    set_clock(engine, T0 + 20 * SLOT + timedelta(hours=1))
    hold(engine, "AUSDT", 20)
    hold(engine, "BUSDT", 15)
    assert values(engine)[COMPLETE] == pytest.approx(100 * 35 / 40)
    (alert,) = [one for one in evaluate_alerts(engine, LIMITS) if one.key == COMPLETE]
    assert "most of it of BUSDT: 5" in alert.message


def test_freshness_is_the_worst_series_by_the_exchanges_clock(engine: Engine) -> None:
    # The slots of the newest candles closed two hours ago, and three slots earlier.
    set_clock(engine, T0 + 20 * SLOT + timedelta(hours=2))
    hold(engine, "AUSDT", 20)
    assert values(engine)[FRESH] == 0.0
    hold(engine, "BUSDT", 17)
    assert values(engine)[FRESH] == pytest.approx((2 * SLOT + timedelta(hours=2)).seconds, abs=60)
    # One of which nothing ever came is late since its first candle should have closed.
    want(engine, "CUSDT", 10, None)
    assert values(engine)[FRESH] == pytest.approx(9 * SLOT.total_seconds() + 7200, abs=60)
    # What stopped trading is as fresh as it will ever be.
    run(engine, "UPDATE market.series SET wanted_to = :end WHERE symbol <> 'AUSDT'", end=T0)
    assert values(engine)[FRESH] == 0.0


def test_clock_that_nobody_compares_any_more_goes_on(engine: Engine) -> None:
    set_clock(engine, T0 + 20 * SLOT)
    hold(engine, "AUSDT", 20)
    run(engine, "UPDATE market.exchange_state SET seen_at = seen_at - interval '9 hours'")
    assert values(engine)[FRESH] == pytest.approx(5 * 3600, abs=60)


def test_errors_are_messages_refused_and_series_that_failed(engine: Engine) -> None:
    counters = Counters(received=1000, errors=30)
    state = SessionState(Role.WRITER, Mode.STREAM, 2, (), counters)
    with engine.begin() as connection:
        for _ in range(2):
            keep_session(connection, start_session(connection, "test", state), state)
    run(engine, "UPDATE market.stream_sessions SET errors = 10 WHERE session_id = 1")
    run(
        engine,
        "INSERT INTO market.collector_state (symbol, timeframe, last_error) VALUES"
        " ('AUSDT', '1h', NULL), ('BUSDT', '1h', 'no answer'), ('CUSDT', '1h', NULL),"
        " ('DUSDT', '1h', NULL)",
    )
    found = values(engine)
    assert found[AlertKey(Metric.ERROR_RATE, "stream")] == pytest.approx(2.0)
    assert found[AlertKey(Metric.ERROR_RATE, "collection")] == pytest.approx(25.0)
    run(engine, "UPDATE market.stream_sessions SET heartbeat_at = now() - interval '2 hours'")
    assert AlertKey(Metric.ERROR_RATE, "stream") not in values(engine)


def test_weight_is_that_of_the_last_minute(engine: Engine) -> None:
    set_clock(engine, T0)
    run(
        engine,
        "INSERT INTO market.weight_reservations (weight, settled_at) VALUES"
        " (3000, NULL), (2400, clock_timestamp()),"
        " (9000, clock_timestamp() - interval '5 minutes')",
    )
    assert values(engine)[AlertKey(Metric.WEIGHT, "exchange")] == pytest.approx(90.0)


def test_corrections_are_those_that_replaced_something_in_a_day(engine: Engine) -> None:
    for age, applied in (("1 hour", True), ("2 hours", True), ("1 hour", False), ("3 days", True)):
        run(
            engine,
            "INSERT INTO market.corrections (symbol, timeframe, open_time, source_before,"
            " source_after, before, after, applied, corrected_at) VALUES ('AUSDT', '1h', now(),"
            " 'rest', 'archive', '{}', '{}', :applied, now() - CAST(:age AS interval))",
            applied=applied,
            age=age,
        )
    assert values(engine)[AlertKey(Metric.CORRECTIONS, "candles")] == 2.0


def test_an_alert_is_raised_kept_and_cleared_in_one_row_and_logged_twice(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    set_clock(engine, T0 + 10 * SLOT + timedelta(hours=1))
    hold(engine, "AUSDT", 5)
    first = evaluate_alerts(engine, LIMITS)
    again = evaluate_alerts(engine, LIMITS)
    assert [one.key for one in first] == [COMPLETE, FRESH]
    assert [one.alert_id for one in again] == [one.alert_id for one in first]
    assert again[0].raised_at == first[0].raised_at < again[0].last_seen_at
    with engine.begin() as connection:
        mark_notified(connection, [again[0]])

    store(engine, "AUSDT", [T0 + n * SLOT for n in range(5, 10)])
    assert evaluate_alerts(engine, LIMITS) == []
    told = [(r.levelname, r.message.split(":")[1].strip()) for r in caplog.records]
    assert told == [
        ("WARNING", "completeness"),
        ("WARNING", "freshness"),
        ("INFO", "completeness of 4h"),
        ("INFO", "freshness of 4h"),
    ]
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT cleared_at >= raised_at, value, notified_at FROM market.alerts")
        ).all()
    assert [row[:2] for row in rows] == [(True, 100.0), (True, 0.0)]
    # Wrong again: a new row, of which nobody was told.
    run(engine, "UPDATE market.exchange_state SET exchange_time = exchange_time + interval '2 d'")
    assert [one.notified_at for one in evaluate_alerts(engine, LIMITS)] == [None, None]
    assert opened(engine) == [("completeness", "4h"), ("freshness", "4h")]


def test_command_lists_what_is_open(
    engine: Engine,
    warehouse_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CANDLEHOUSE_DATABASE_URL", warehouse_url)
    assert main(["alerts"]) == 0
    assert capsys.readouterr().out.strip() == "no alert is open"

    set_clock(engine, T0 + 4 * SLOT)
    hold(engine, "AUSDT", 1)
    assert main(["alerts", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found] == ["completeness", "freshness"]
    assert datetime.fromisoformat(found[0]["raised_at"]).tzinfo is not None

    monkeypatch.setenv("ALERT_COMPLETENESS", "0")
    monkeypatch.setenv("ALERT_FRESHNESS", "9d")
    assert main(["alerts"]) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALERT_COMPLETENESS", "101"),
        ("ALERT_FRESHNESS", "soon"),
        ("ALERT_ERROR_RATE", "nan"),
        ("ALERT_WEIGHT", "-1"),
        ("ALERT_CORRECTIONS", "1.5"),
        ("CANDLEHOUSE_NOTIFIER", "no path"),
    ],
)
def test_bad_threshold_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["alerts"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {name}={value!r} is not allowed")
