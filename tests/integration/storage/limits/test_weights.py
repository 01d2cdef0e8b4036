from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import ConfigurationError, DatabaseUnavailable, RateLimited
from candlehouse.exchange.binance.facts import REST
from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.ledger import Window
from candlehouse.storage.limits.weights import PostgresWeightBudget
from support.processes.weights import Sent, find_heaviest, spend

# Long enough for nothing to expire during a test.
STILL = Window(3600.0)
HOLD_AND_WAIT = """
import asyncio, sys
from candlehouse.exchange.binance.facts import REST
from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.weights import PostgresWeightBudget

async def hold():
    async with PostgresWeightBudget(connect(sys.argv[1]), REST, 1.0) as budget:
        await budget.reserve(100)
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(hold())
"""


@pytest.fixture
def url(fresh_database: Callable[..., str]) -> str:
    return fresh_database(timescale=False)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


def limit_weight(engine: Engine, limit: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO market.exchange_state (identity, rest_url, coingecko_url,"
                " products_url, exchange_time, clock_offset_ms, weight_limit, close_grace)"
                " VALUES ('sim:1', '', '', '', now(), 0, :limit, '10m')"
            ),
            {"limit": limit},
        )


def held(engine: Engine) -> int:
    with engine.connect() as connection:
        statement = text("SELECT COALESCE(sum(weight), 0) FROM market.weight_reservations")
        return int(connection.execute(statement).scalar_one())


def run(
    engine: Engine,
    use: Callable[[PostgresWeightBudget], Awaitable[None]],
    *,
    window: Window = STILL,
    max_wait_s: float = 0.8,
    retry_delays_s: tuple[float, ...] = (),
) -> None:
    async def within() -> None:
        async with PostgresWeightBudget(
            engine, REST, 0.95, window=window, max_wait_s=max_wait_s, retry_delays_s=retry_delays_s
        ) as budget:
            await use(budget)

    asyncio.run(within())


def test_whole_share_is_granted_at_once_and_not_a_bit_more(engine: Engine) -> None:
    limit_weight(engine, 1000)

    async def use(budget: PostgresWeightBudget) -> None:
        tickets = await asyncio.gather(*[budget.reserve(2) for _ in range(475)])
        assert len(set(tickets)) == 475
        with pytest.raises(RateLimited, match="no weight of 1 was free"):
            await budget.reserve(1)

    run(engine, use, max_wait_s=2.0)
    assert held(engine) == 950


def test_limit_is_cautious_until_the_exchange_has_said_it(engine: Engine) -> None:
    async def use(budget: PostgresWeightBudget) -> None:
        await budget.reserve(1140)
        with pytest.raises(RateLimited):
            await budget.reserve(1)

    run(engine, use)


def test_request_that_can_never_fit_is_a_mistake_of_configuration(engine: Engine) -> None:
    limit_weight(engine, 80)

    async def use(budget: PostgresWeightBudget) -> None:
        with pytest.raises(ConfigurationError, match="REQUEST_WEIGHT_SHARE allows a weight of 76"):
            await budget.reserve(80)

    run(engine, use)


def test_weight_counts_until_a_window_after_it_was_settled(engine: Engine) -> None:
    limit_weight(engine, 100)
    window = Window(0.5)

    async def use(budget: PostgresWeightBudget) -> None:
        ticket = await budget.reserve(95)
        await asyncio.sleep(0.6)
        settled = time.monotonic()
        await budget.settle(ticket, None)
        await budget.reserve(95)
        assert time.monotonic() - settled >= 0.5

    run(engine, use, window=window, max_wait_s=10.0)


def test_heavy_request_is_not_starved_by_light_ones(engine: Engine) -> None:
    limit_weight(engine, 100)

    async def use(budget: PostgresWeightBudget) -> None:
        async def hammer() -> None:
            while True:
                await budget.settle(await budget.reserve(2), None)

        async with asyncio.TaskGroup() as group:
            hammers = [group.create_task(hammer()) for _ in range(60)]
            await asyncio.sleep(0.2)
            # With a budget of its own, as in another process.
            async with PostgresWeightBudget(engine, REST, 0.95, window=Window(0.3)) as other:
                await other.reserve(80)
            for task in hammers:
                task.cancel()

    run(engine, use, window=Window(0.3), max_wait_s=30.0)


def test_what_somebody_else_used_behind_the_same_address_is_entered(engine: Engine) -> None:
    limit_weight(engine, 1000)

    async def use(budget: PostgresWeightBudget) -> None:
        first, second = await budget.reserve(2), await budget.reserve(2)
        await budget.settle(first, 900)
        await budget.settle(second, 902)
        await asyncio.sleep(0.3)
        await budget.reserve(48)
        with pytest.raises(RateLimited):
            await budget.reserve(1)

    run(engine, use, max_wait_s=1.0)
    assert held(engine) == 950


def test_exchange_that_counts_less_than_the_ledger_changes_nothing(engine: Engine) -> None:
    async def use(budget: PostgresWeightBudget) -> None:
        await budget.settle(await budget.reserve(20), 7)

    run(engine, use)
    assert held(engine) == 20


def test_closed_gate_stops_every_process(engine: Engine) -> None:
    async def use(budget: PostgresWeightBudget) -> None:
        async with PostgresWeightBudget(engine, REST, 0.95, max_wait_s=5.0) as other:
            await budget.close_gate(0.6, "429")
            closed = time.monotonic()
            await budget.close_gate(0.1, "a shorter one opens nothing")
            await other.reserve(1)
            assert time.monotonic() - closed >= 0.5
            await budget.close_gate(100, "418")
            for one in (budget, other):
                with pytest.raises(RateLimited, match="accepts no requests") as refused:
                    await one.reserve(1)
                assert 60 < refused.value.retry_after_s <= 100

    run(engine, use, max_wait_s=5.0)


def test_caller_that_gives_up_gives_its_weight_back(engine: Engine) -> None:
    limit_weight(engine, 100)

    async def use(budget: PostgresWeightBudget) -> None:
        await budget.reserve(50)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await budget.reserve(60)
        # The pieces that it had are settled and expire; nothing else waits behind it.
        await budget.reserve(45)

    run(engine, use, window=Window(0.5), max_wait_s=10.0)


def test_killed_process_gives_its_weight_back_when_no_request_can_be_under_way(
    engine: Engine, url: str
) -> None:
    limit_weight(engine, 100)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_WAIT, url], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()

    async def use(budget: PostgresWeightBudget) -> None:
        with pytest.raises(RateLimited):
            await budget.reserve(1)

    run(engine, use)

    async def use_later(budget: PostgresWeightBudget) -> None:
        await budget.reserve(95)

    run(engine, use_later, window=Window(0.3, in_flight_s=0.3), max_wait_s=10.0)
    # Rows that no longer count were deleted on the way.
    assert held(engine) == 95


def test_lost_connection_is_made_again(engine: Engine) -> None:
    async def use(budget: PostgresWeightBudget) -> None:
        ticket = await budget.reserve(2)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        await budget.settle(ticket, None)
        await budget.reserve(2)

    # Connecting takes its time where the machine is busy.
    run(engine, use, retry_delays_s=(0.0, 0.0), max_wait_s=60.0)
    assert held(engine) == 4


def test_database_that_stays_away_is_said_to_every_caller() -> None:
    engine = connect("postgresql://u:geheim@127.0.0.1:1/db")

    async def use(budget: PostgresWeightBudget) -> None:
        failed = await asyncio.gather(budget.reserve(1), budget.reserve(2), return_exceptions=True)
        assert [type(error) for error in failed] == [DatabaseUnavailable] * 2
        with pytest.raises(DatabaseUnavailable):
            await budget.close_gate(1.0, "429")

    run(engine, use, max_wait_s=30.0, retry_delays_s=(0.0,))


def test_no_rolling_window_ever_holds_more_than_the_share(engine: Engine, url: str) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    draw = random.Random(seed)
    limit_weight(engine, 200)
    window = Window(0.8, in_flight_s=5.0)

    def work(weights: list[int], latency_s: float) -> list[Sent]:
        return asyncio.run(spend(url, weights, 4.0, window, 0.95, latency_s))

    with ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(work, [draw.choice((1, 2, 2, 2, 5, 20, 80)) for _ in range(50)], latency_s)
            for latency_s in (0.002, 0.03, 0.2)
        ]
        sent = [one for job in jobs for one in job.result()]

    assert find_heaviest(sent, window.window_s) <= 190
    # It is not merely that nothing happened: several windows' worth went through.
    assert sum(one.weight for one in sent) > 2 * 190
