"""One writer and one that stands by: their locks end with their connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from candlehouse.core.errors import DatabaseUnavailable
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.writer_lock import (
    CANDLES_LOCK,
    WriterLock,
    find_writer_pid,
    is_standby_present,
    release_standby_lock,
    try_standby_lock,
    try_writer_lock,
)


@pytest.fixture
def engine(fresh_database: Callable[..., str]) -> Iterator[Engine]:
    engine = connect(fresh_database(timescale=False))
    yield engine
    engine.dispose()


@pytest.fixture
def one(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.invalidate()


@pytest.fixture
def other(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


def pid_of(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_second_connection_cannot_write_beside_the_first(
    one: Connection, other: Connection
) -> None:
    assert find_writer_pid(other) is None
    assert try_writer_lock(one)
    assert not try_writer_lock(other)
    assert find_writer_pid(other) == pid_of(one) == find_writer_pid(one)


def test_the_lock_outlives_transactions(one: Connection, other: Connection) -> None:
    with one.begin():
        assert try_writer_lock(one)
    with one.begin() as transaction:
        assert try_standby_lock(one)
        transaction.rollback()
    assert not try_writer_lock(other)
    assert not try_standby_lock(other)


def test_taking_a_lock_again_needs_no_second_release(one: Connection, other: Connection) -> None:
    assert [try_standby_lock(one) for _ in range(3)] == [True] * 3
    release_standby_lock(one)
    assert try_standby_lock(other)


def test_releasing_what_one_does_not_hold_is_an_error(one: Connection, other: Connection) -> None:
    assert try_writer_lock(one)
    with pytest.raises(RuntimeError, match="does not hold"):
        release_standby_lock(one)
    assert find_writer_pid(other) == pid_of(one)


def test_a_connection_that_is_closed_lets_go(one: Connection, other: Connection) -> None:
    assert try_writer_lock(one)
    one.invalidate()
    wait_until(lambda: try_writer_lock(other))


def test_a_connection_that_the_server_ends_lets_go(one: Connection, other: Connection) -> None:
    assert try_writer_lock(one)
    assert try_standby_lock(one)
    pid = pid_of(one)
    other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    wait_until(lambda: try_writer_lock(other))
    wait_until(lambda: not is_standby_present(other))
    with pytest.raises(DatabaseUnavailable):
        try_writer_lock(one)


def test_a_standby_is_seen_by_all_and_its_lock_is_not_taken_by_looking(
    one: Connection, other: Connection
) -> None:
    assert try_writer_lock(other)
    assert not is_standby_present(other)
    assert try_standby_lock(one)
    assert is_standby_present(other)
    assert is_standby_present(one)
    release_standby_lock(one)
    assert not is_standby_present(other)
    assert try_standby_lock(other)


def test_another_database_has_a_writer_of_its_own(
    one: Connection, fresh_database: Callable[..., str]
) -> None:
    assert try_writer_lock(one)
    engine = connect(fresh_database(timescale=False))
    with engine.connect() as elsewhere:
        assert find_writer_pid(elsewhere) is None
        assert try_writer_lock(elsewhere)
    engine.dispose()


OTHER_LOCK = WriterLock(8_000_001, 8_000_002)
BOTH = (OTHER_LOCK, CANDLES_LOCK)


def test_locks_of_different_kinds_are_held_by_different_connections(
    one: Connection, other: Connection
) -> None:
    assert try_writer_lock(one)
    assert try_writer_lock(other, [OTHER_LOCK])
    assert find_writer_pid(one, OTHER_LOCK) == pid_of(other)
    assert find_writer_pid(other) == pid_of(one)


def test_several_locks_are_taken_together_or_not_at_all(one: Connection, other: Connection) -> None:
    assert try_writer_lock(one, [OTHER_LOCK])
    assert not try_writer_lock(other, BOTH)
    assert find_writer_pid(one) is None
    assert try_standby_lock(other, BOTH)
    assert is_standby_present(one, BOTH)
    release_standby_lock(other, BOTH)
    assert not is_standby_present(one, [OTHER_LOCK])
    assert try_writer_lock(one, BOTH)
    assert try_writer_lock(one, BOTH), "its own are its own"


def test_everybody_may_write_what_needs_no_lock(one: Connection, other: Connection) -> None:
    assert try_writer_lock(one, [])
    assert try_writer_lock(other, [])
