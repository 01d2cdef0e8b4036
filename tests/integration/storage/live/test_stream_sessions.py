"""Runs of stream tasks, the switch, and the new tables as readers see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.stream_sessions import (
    Counters,
    Mode,
    Role,
    Session,
    SessionState,
    end_session,
    read_control,
    select_sessions,
    set_realtime,
    start_session,
    update_session,
    write_control,
)

STATE = SessionState(Role.STANDBY, Mode.NONE, 52, (Timeframe.M1, Timeframe.H1))
TABLES = (
    "live_candles", "latest_prices", "confirmations", "connection_attempts", "stream_control",
    "stream_sessions",
)  # fmt: skip


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def start(engine: Engine, worker: str = "host:1") -> int:
    with engine.begin() as connection:
        return start_session(connection, worker, STATE)


def sessions(engine: Engine) -> list[Session]:
    with engine.connect() as connection:
        return select_sessions(connection)


def execute(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql))


def test_a_session_is_kept_as_it_last_said(engine: Engine) -> None:
    first = start(engine)
    second = start(engine, "host:2")
    assert second > first
    (newest, oldest) = sessions(engine)
    assert (newest.session_id, newest.worker, newest.state) == (second, "host:2", STATE)
    assert (newest.is_alive, newest.ended_at, newest.end_reason) == (True, None, None)
    state = SessionState(
        Role.WRITER,
        Mode.STREAM,
        51,
        (Timeframe.M5,),
        Counters(1, 2, 3, 4, 5, 6, 7, 8, 9, 10**12),
        datetime(2024, 3, 1, tzinfo=UTC),
        {"10": 5, "100": 6, "+Inf": 1},
    )
    with engine.begin() as connection:
        update_session(connection, second, state)
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "off"
    updated, untouched = sessions(engine)
    assert updated.state == state
    assert updated.heartbeat_at > newest.heartbeat_at
    assert updated.started_at == newest.started_at
    assert untouched == oldest


def test_a_session_that_ended_says_why_and_stays_so(engine: Engine) -> None:
    session_id = start(engine)
    with engine.begin() as connection:
        end_session(connection, session_id, "time is up")
        update_session(connection, session_id, replace(STATE, symbols=1))
    (ended,) = sessions(engine)
    assert (ended.is_alive, ended.end_reason, ended.state) == (False, "time is up", STATE)
    assert ended.ended_at is not None


def test_the_next_session_closes_those_whose_heart_stands_still(engine: Engine) -> None:
    silent, beating = start(engine), start(engine)
    execute(
        engine,
        "UPDATE market.stream_sessions SET heartbeat_at = clock_timestamp()"
        f" - CASE session_id WHEN {silent} THEN interval '61 s' ELSE interval '50 s' END",
    )
    assert [one.is_alive for one in sessions(engine)] == [True, False]
    start(engine)
    reasons = {one.session_id: one.end_reason for one in sessions(engine)}
    assert (reasons[silent], reasons[beating]) == ("lost", None)
    with engine.begin() as connection:
        update_session(connection, silent, STATE)
    back = sessions(engine)[-1]
    assert (back.is_alive, back.ended_at, back.end_reason) == (True, None, None)


def test_sessions_that_ended_a_month_ago_are_deleted(engine: Engine) -> None:
    old, recent, unended = start(engine), start(engine), start(engine)
    execute(
        engine,
        "UPDATE market.stream_sessions SET end_reason = 'done', ended_at = clock_timestamp()"
        f" - CASE session_id WHEN {old} THEN interval '31 days' ELSE interval '29 days' END"
        f" WHERE session_id <> {unended}",
    )
    newest = start(engine)
    assert [one.session_id for one in sessions(engine)] == [newest, unended, recent]


def test_the_newest_sessions_are_given_first_and_no_more_than_asked(engine: Engine) -> None:
    ids = [start(engine) for _ in range(4)]
    with engine.connect() as connection:
        found = [one.session_id for one in select_sessions(connection, 2)]
    assert found == [ids[3], ids[2]]


def test_streaming_is_wanted_until_someone_switches_it_off(engine: Engine) -> None:
    def control() -> tuple[object, ...]:
        with engine.connect() as connection:
            query = text("SELECT is_running, changed_by, changed_at FROM market.stream_control")
            return tuple(connection.execute(query).one())

    with engine.begin() as connection:
        assert read_control(connection)
        write_control(connection, False, "ada")
        assert not read_control(connection)
    stopped = control()
    assert stopped[:2] == (False, "ada")
    with engine.begin() as connection:
        write_control(connection, False, "bob")
    assert control() == stopped, "it was off already"
    with engine.begin() as connection:
        write_control(connection, True, "bob")
    assert control()[:2] == (True, "bob")


def test_series_are_marked_live_and_keep_the_rest_of_their_state(engine: Engine) -> None:
    btc, eth = Series("BTCUSDT", Timeframe.M1), Series("ETHUSDT", Timeframe.M1)
    execute(
        engine,
        "INSERT INTO market.collector_state (symbol, timeframe, last_error)"
        " VALUES ('BTCUSDT', '1m', 'away')",
    )
    with engine.begin() as connection:
        set_realtime(connection, [], True)
        set_realtime(connection, [btc, eth, btc], True)
        set_realtime(connection, [eth], False)
        query = text(
            "SELECT symbol, is_realtime, last_error FROM market.collector_state ORDER BY symbol"
        )
        assert [tuple(row) for row in connection.execute(query)] == [
            ("BTCUSDT", True, "away"), ("ETHUSDT", False, None),
        ]  # fmt: skip


def test_readers_see_the_new_tables_and_change_nothing(analyst_url: str) -> None:
    engine = connect(analyst_url)
    for table in TABLES:
        with engine.connect() as connection:
            # Not only by their default: it is any reader's to change.
            connection.execute(text("SET TRANSACTION READ WRITE"))
            connection.execute(text(f"SELECT count(*) FROM market.{table}"))
            with pytest.raises(Exception, match="permission denied"):
                connection.execute(text(f"DELETE FROM market.{table}"))
    engine.dispose()


def test_a_refused_message_that_says_nothing_of_itself_is_kept_once(engine: Engine) -> None:
    insert = (
        "INSERT INTO market.quarantined_candles (source, rule, raw)"
        " VALUES ('stream', 'not_json', '{') ON CONFLICT DO NOTHING"
    )
    execute(engine, insert)
    execute(engine, insert)
    with engine.connect() as connection:
        query = text("SELECT symbol, timeframe, rule FROM market.quarantined_candles")
        assert [tuple(row) for row in connection.execute(query)] == [(None, None, "not_json")]
