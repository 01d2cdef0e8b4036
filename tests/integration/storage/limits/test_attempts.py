"""The ledger of connection attempts: never above the limit, whoever asks and whatever fails."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import support.processes.attempts
from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.attempts import _LOCK_KEY, OfflinePace, PostgresConnectionBudget
from support.processes.attempts import find_most

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


class Hands:
    """A clock and a sleep that take no time, and what was slept."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def url(fresh_database: Callable[..., str]) -> str:
    return fresh_database(timescale=False)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


def run(
    engine: Engine, use: Callable[[PostgresConnectionBudget], Awaitable[None]], **options: object
) -> None:
    async def within() -> None:
        limits = {"limit": 300, "window_s": 300.0, **options}
        async with PostgresConnectionBudget(engine, **limits) as budget:  # type: ignore[arg-type]
            await use(budget)

    asyncio.run(within())


def ages(engine: Engine) -> list[float]:
    with engine.connect() as connection:
        statement = text(
            "SELECT extract(epoch FROM clock_timestamp() - attempted_at)::float8"
            " FROM market.connection_attempts ORDER BY attempted_at"
        )
        return list(connection.execute(statement).scalars())


def make_older(engine: Engine, seconds: float) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE market.connection_attempts"
                " SET attempted_at = attempted_at - make_interval(secs => :seconds)"
            ),
            {"seconds": seconds},
        )


def test_the_share_is_granted_at_once_and_the_next_waits_for_the_oldest(engine: Engine) -> None:
    hands = Hands()

    async def sleep(seconds: float) -> None:
        assert len(ages(engine)) == 9
        make_older(engine, seconds + 1)
        await hands.sleep(seconds)

    async def use(budget: PostgresConnectionBudget) -> None:
        for _ in range(5):
            await budget.attempt()
        make_older(engine, 100)
        for _ in range(4):
            await budget.attempt()
        assert hands.slept == []
        await budget.attempt()

    run(engine, use, limit=10, sleep=sleep, clock=hands.clock)
    # The window and the ten seconds that an attempt may be under way.
    assert sum(hands.slept) == pytest.approx(210, abs=3)
    assert len(ages(engine)) == 5, "those that left the window are deleted"


def test_a_share_of_less_than_one_attempt_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="is less than one"):
        PostgresConnectionBudget(engine, 10, 300.0, share=0.05)


def test_processes_together_never_pass_the_limit_in_any_window(url: str) -> None:
    limit, window_s, seconds = 20, 1.0, 5.0
    arguments = [url, str(seconds), str(limit), str(window_s)]
    script = str(Path(support.processes.attempts.__file__))
    processes = [
        subprocess.Popen([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    granted = [
        float(line) for process in processes for line in process.communicate()[0].splitlines()
    ]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert find_most(granted, window_s) <= 19
    # And what may be had is had: a window and what may be under way at a time.
    assert len(granted) >= 19 * 3


def test_one_asks_only_when_the_other_has_been_answered(engine: Engine) -> None:
    async def use(budget: PostgresConnectionBudget) -> None:
        with engine.begin() as other:
            other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            other.execute(
                text("INSERT INTO market.connection_attempts SELECT FROM generate_series(1, 9)")
            )
            asking = asyncio.create_task(budget.attempt())
            assert await asyncio.wait([asking], timeout=0.3) == (set(), {asking})
        assert await asyncio.wait([asking], timeout=0.3) == (set(), {asking})
        asking.cancel()

    run(engine, use, limit=10)
    assert len(ages(engine)) == 9


def test_alone_an_attempt_a_minute(engine: Engine) -> None:
    hands = Hands()
    made: list[float] = []

    async def use(budget: PostgresConnectionBudget) -> None:
        for _ in range(3):
            await budget.attempt()
            made.append(hands.now)

    away = connect(NOWHERE)
    run(away, use, clock=hands.clock, sleep=hands.sleep, offline=OfflinePace(retry_s=25.0))
    away.dispose()
    assert made == [1000.0, 1060.0, 1120.0]
    assert hands.slept == [25.0, 25.0, 10.0] * 2


def test_what_was_attempted_alone_is_counted_when_the_database_is_back(
    url: str, engine: Engine
) -> None:
    hands = Hands()
    switch = _Switch(engine)

    async def use(budget: PostgresConnectionBudget) -> None:
        switch.away = True
        await budget.attempt()
        await budget.attempt()
        switch.away = False
        await budget.attempt()
        assert ages(engine) == pytest.approx([60, 0, 0], abs=5)
        await budget.attempt()
        assert len(ages(engine)) == 4, "once is enough"

    run(switch, use, clock=hands.clock, sleep=hands.sleep)  # type: ignore[arg-type]


def test_what_was_attempted_alone_is_counted_at_the_end_at_the_latest(engine: Engine) -> None:
    hands = Hands()
    switch = _Switch(engine)

    async def use(budget: PostgresConnectionBudget) -> None:
        switch.away = True
        await budget.attempt()
        hands.now += 30
        switch.away = False

    run(switch, use, clock=hands.clock, sleep=hands.sleep)  # type: ignore[arg-type]
    assert ages(engine) == pytest.approx([30], abs=5)


def test_an_attempt_alone_also_waits_for_one_that_was_counted(engine: Engine) -> None:
    hands = Hands()
    switch = _Switch(engine)

    async def use(budget: PostgresConnectionBudget) -> None:
        await budget.attempt()
        switch.away = True
        with engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        hands.now += 20
        await budget.attempt()

    run(switch, use, clock=hands.clock, sleep=hands.sleep)  # type: ignore[arg-type]
    assert sum(hands.slept) == pytest.approx(40)


class _Switch:
    """An engine whose new connections go nowhere while it is `away`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.nowhere = connect(NOWHERE)
        self.away = False

    def connect(self) -> object:
        return (self.nowhere if self.away else self.engine).connect()
