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
from candlehouse.core.universe.ranking import Member
from candlehouse.pipelines.alerts import evaluate_alerts
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.stream_sessions import (
    Counters,
    Mode,
    Role,
    SessionState,
    start_session,
)
from candlehouse.storage.live.stream_sessions import update_session as keep_session
from candlehouse.storage.universe.catalog import Snapshot, insert_snapshot, note_refusal
from candlehouse.storage.upkeep.alerts import mark_notified, measure, select_open
from support.data.four_hours import SLOT, T0, set_clock, store, want
from support.warehouses import warehouse_of

LIMITS = Thresholds(99.9, timedelta(hours=1), 1.0, 98.0, 0)
COMPLETE = AlertKey(Metric.COMPLETENESS, "4h")
UNIVERSE = AlertKey(Metric.UNIVERSE, "snapshot")
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
    """The first slots of a series that is wanted from T0 on, and had loaded some time ago."""
    load(engine, symbol, count)
    run(engine, "DELETE FROM market.loads WHERE symbol = :symbol", symbol=symbol)


def load(engine: Engine, symbol: str, count: int) -> None:
    """The first slots of a series that is wanted from T0 on and has never been complete."""
    want(engine, symbol, 0, None)
    store(engine, symbol, [T0 + n * SLOT for n in range(count)])


def stand_still(engine: Engine, by: str) -> None:
    run(
        engine,
        "UPDATE market.loads SET progressed_at = progressed_at - CAST(:by AS interval)",
        by=by,
    )


def opened(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [(one.name, one.subject) for one in select_open(connection)]


def test_empty_warehouse_has_nothing_to_tell(engine: Engine) -> None:
    assert values(engine) == {AlertKey(Metric.CORRECTIONS, "candles"): 0.0}
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []


def test_completeness_counts_what_is_pending_of_a_timeframe(engine: Engine) -> None:
    set_clock(engine, T0 + 20 * SLOT + timedelta(hours=1))
    hold(engine, "AUSDT", 20)
    hold(engine, "BUSDT", 15)
    assert values(engine)[COMPLETE] == pytest.approx(100 * 35 / 40)
    (alert,) = [one for one in evaluate_alerts(warehouse_of(engine), LIMITS) if one.key == COMPLETE]
    assert "most pending in BUSDT: 5" in alert.message


def test_freshness_is_the_worst_series_by_the_exchanges_clock(engine: Engine) -> None:
    # The slots of the newest candles closed two hours ago, and three slots earlier.
    set_clock(engine, T0 + 20 * SLOT + timedelta(hours=2))
    hold(engine, "AUSDT", 20)
    assert values(engine)[FRESH] == 0.0
    hold(engine, "BUSDT", 17)
    assert values(engine)[FRESH] == pytest.approx((2 * SLOT + timedelta(hours=2)).seconds, abs=60)
    # One of which nothing ever came is late since its first candle should have closed.
    want(engine, "CUSDT", 10, None)
    run(engine, "DELETE FROM market.loads")
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
    first = evaluate_alerts(warehouse_of(engine), LIMITS)
    again = evaluate_alerts(warehouse_of(engine), LIMITS)
    assert [one.key for one in first] == [COMPLETE, FRESH]
    assert [one.alert_id for one in again] == [one.alert_id for one in first]
    assert again[0].raised_at == first[0].raised_at < again[0].last_seen_at
    with engine.begin() as connection:
        mark_notified(connection, [again[0]])

    store(engine, "AUSDT", [T0 + n * SLOT for n in range(5, 10)])
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []
    told = [(r.levelname, r.message.partition(":")[0]) for r in caplog.records]
    assert told == [
        ("WARNING", "alert completeness is raised"),
        ("WARNING", "alert freshness is raised"),
        ("INFO", "alert completeness of 4h is cleared"),
        ("INFO", "alert freshness of 4h is cleared"),
    ]
    told_of = "SELECT cleared_at >= raised_at, raised_value, raised_message, value, message"
    with engine.connect() as connection:
        complete, fresh = connection.execute(text(told_of + " FROM market.alerts ORDER BY name"))
    assert tuple(complete) == (
        True,
        50.0,
        "4h: 50.000% of the expected candles, at least 99.9% are due (most pending in AUSDT: 5)",
        100.0,
        "4h: 100.000% of the expected candles, at least 99.9% are due",
    )
    assert fresh.raised_value == pytest.approx(4 * SLOT.total_seconds() + 3600, abs=60)
    assert fresh.raised_message.startswith("4h: the newest candle is 17:00:0")
    assert (fresh.value, fresh.message.split(", ")[0]) == (
        0,
        "4h: the newest candle is 0:00:00 overdue",
    )
    # Wrong again: a new row, of which nobody was told.
    run(engine, "UPDATE market.exchange_state SET exchange_time = exchange_time + interval '2 d'")
    assert [one.notified_at for one in evaluate_alerts(warehouse_of(engine), LIMITS)] == [
        None,
        None,
    ]
    assert opened(engine) == [("completeness", "4h"), ("freshness", "4h")]


def test_what_has_never_been_complete_loads_and_is_neither_late_nor_incomplete(
    engine: Engine,
) -> None:
    set_clock(engine, T0 + 20 * SLOT + timedelta(hours=1))
    load(engine, "AUSDT", 5)
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []
    # A new member beside one that has loaded.
    hold(engine, "BUSDT", 20)
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []
    assert (values(engine)[COMPLETE], values(engine)[FRESH]) == (100.0, 0.0)
    store(engine, "AUSDT", [T0 + n * SLOT for n in range(5, 20)])
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []
    # From now on it is late like any other.
    set_clock(engine, T0 + 24 * SLOT + timedelta(hours=1))
    store(engine, "BUSDT", [T0 + n * SLOT for n in range(20, 24)])
    told = {one.key: one.message for one in evaluate_alerts(warehouse_of(engine), LIMITS)}
    assert set(told) == {COMPLETE, FRESH}
    assert "(AUSDT)" in told[FRESH]


def test_an_earlier_start_leaves_the_newest_candles_to_be_late(engine: Engine) -> None:
    set_clock(engine, T0 + 20 * SLOT + timedelta(hours=1))
    hold(engine, "AUSDT", 17)
    run(engine, "UPDATE market.series SET wanted_from = wanted_from - interval '30 days'")
    assert [one.key for one in evaluate_alerts(warehouse_of(engine), LIMITS)] == [FRESH]


def test_a_load_that_brings_nothing_for_an_hour_is_told_of_until_something_comes(
    engine: Engine,
) -> None:
    set_clock(engine, T0 + 20 * SLOT + timedelta(hours=1))
    load(engine, "AUSDT", 5)
    load(engine, "BUSDT", 5)
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []
    stand_still(engine, "59 minutes")
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []
    stand_still(engine, "2 minutes")
    run(engine, "UPDATE market.collector_state SET last_error = 'no answer' WHERE symbol = 'AUSDT'")
    run(engine, "UPDATE market.exchange_state SET seen_at = '2024-04-01 10:00+00'")
    store(engine, "BUSDT", [T0 + 5 * SLOT])
    told = {one.key: one.message for one in evaluate_alerts(warehouse_of(engine), LIMITS)}
    message = told[AlertKey(Metric.LOADING, "4h")]
    assert message.startswith("4h: loading has brought nothing for 1:01:0")
    assert message.endswith(
        ", at most 1:00:00 is right (AUSDT of 2 series that load: 15 pending,"
        " the exchange last answered at 2024-04-01 10:00 UTC, last error: no answer)"
    )
    store(engine, "AUSDT", [T0 + 5 * SLOT])
    assert AlertKey(Metric.LOADING, "4h") not in {
        one.key for one in evaluate_alerts(warehouse_of(engine), LIMITS)
    }


def test_what_is_not_measured_any_more_is_cleared_without_a_value(engine: Engine) -> None:
    set_clock(engine, T0 + 20 * SLOT + timedelta(hours=1))
    hold(engine, "AUSDT", 17)
    assert len(evaluate_alerts(warehouse_of(engine), LIMITS)) == 2
    run(engine, "UPDATE market.series SET wanted_to = :end", end=T0 + 17 * SLOT)
    run(engine, "DELETE FROM market.coverage_days")
    run(engine, "UPDATE market.series SET wanted_to = wanted_from")
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT value, message FROM market.alerts ORDER BY name"))
        assert [tuple(row) for row in rows] == [(None, "4h: no longer measured")] * 2


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
    load(engine, "BUSDT", 1)
    assert main(["alerts", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["alerts"]] == ["completeness", "freshness"]
    assert datetime.fromisoformat(found["alerts"][0]["raised_at"]).tzinfo is not None
    (loading,) = found["loading"]
    assert (loading["timeframe"], loading["series"], loading["pending"]) == ("4h", 1, 2)

    monkeypatch.setenv("ALERT_COMPLETENESS", "0")
    monkeypatch.setenv("ALERT_FRESHNESS", "9d")
    assert main(["alerts"]) == 0
    told = capsys.readouterr().out
    assert "no alert is open" in told
    assert "4h: 1 series is loading, 2 candles pending" in told


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


def test_refused_universe_is_told_until_a_snapshot_is_taken(engine: Engine) -> None:
    for reason in ("an answer was cut", "coingecko: the source knows the size of 4 pairs"):
        with engine.begin() as connection:
            note_refusal(connection, T0, 4, 50, reason)
    assert values(engine)[UNIVERSE] == pytest.approx(8.0)
    (alert,) = evaluate_alerts(warehouse_of(engine), LIMITS)
    assert alert.message == (
        "snapshot: refused, with 8.0% of the pairs that were due"
        " (coingecko: the source knows the size of 4 pairs)"
    )
    with engine.begin() as connection:
        insert_snapshot(connection, Snapshot(T0, "binance", (Member(1, "BTCUSDT", "BTC"),)))
    assert UNIVERSE not in values(engine)
    assert evaluate_alerts(warehouse_of(engine), LIMITS) == []
