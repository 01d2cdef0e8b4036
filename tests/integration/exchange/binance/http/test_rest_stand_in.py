from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from candlehouse.core.errors import RateLimited
from candlehouse.core.model import Series, Span
from candlehouse.core.retries import Retries
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.facts import REST
from candlehouse.exchange.binance.http.rest import RestSource
from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.weights import PostgresWeightBudget
from exchange_sim.testing import RunningExchange, running

NOW = datetime(2024, 6, 1, 12, 34, 56, tzinfo=UTC)
SERIES = Series("BTCUSDT", Timeframe.H1)


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with running(seed=7, clock=NOW.isoformat(), frozen=True) as exchange:
        yield exchange


@pytest.fixture
def engine(fresh_database: Callable[..., str]) -> Iterator[Engine]:
    engine = connect(fresh_database(timescale=False))
    yield engine
    engine.dispose()


def use(
    exchange: RunningExchange,
    engine: Engine,
    work: Callable[[RestSource], Awaitable[None]],
    attempts: int = 1,
    max_wait_s: float = 30.0,
) -> None:
    async def run() -> None:
        retries = Retries(attempts, 0.01)
        async with (
            PostgresWeightBudget(engine, REST, max_wait_s=max_wait_s) as budget,
            RestSource(
                exchange.url, budget, retries, identity=f"sim:{exchange.market_id}"
            ) as source,
        ):
            await work(source)

    asyncio.run(run())


def test_clock_first_and_last_candle_are_the_exchanges(
    exchange: RunningExchange, engine: Engine
) -> None:
    async def work(source: RestSource) -> None:
        assert await source.fetch_time() == NOW
        first = await source.fetch_first_open_time(SERIES)
        assert first is not None
        assert first < NOW - timedelta(days=365)
        assert await source.fetch_last_open_time(SERIES) == datetime(2024, 6, 1, 11, tzinfo=UTC)

    use(exchange, engine, work)


def test_pages_of_a_range_join_without_a_gap(exchange: RunningExchange, engine: Engine) -> None:
    start, end = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 11, tzinfo=UTC)

    async def work(source: RestSource) -> None:
        rows, at = "", start
        while at < end:
            page = await source.fetch_page(SERIES, Span(at, end), 100)
            rows, at = rows + page.rows.text, page.span.end
        whole = await source.fetch_page(SERIES, Span(start, end), 1000)
        assert rows == whole.rows.text
        assert whole.count == 240

    use(exchange, engine, work)


def test_passing_faults_cost_a_retry_and_no_candle(
    exchange: RunningExchange, engine: Engine
) -> None:
    span = Span(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC))

    async def work(source: RestSource) -> None:
        clean = await source.fetch_page(SERIES, span, 1000)
        kinds = (
            "500", "503", "504", "reset", "cut", "html", "empty", "null", "broken_json",
            "malformed_row",
        )  # fmt: skip
        for kind in kinds:
            exchange.set_faults({"kind": kind, "path": "/api/v3/klines", "count": 1})
            before = exchange.stats()["paths"]["/api/v3/klines"]
            assert await source.fetch_page(SERIES, span, 1000) == clean
            assert exchange.stats()["paths"]["/api/v3/klines"] == before + 2
        exchange.clear()

    use(exchange, engine, work, attempts=3)


@pytest.mark.parametrize(
    ("kind", "told"),
    [("429", "seconds"), ("429", "date"), ("418", "seconds"), ("418", "date"), ("418", "body"),
     ("403", "seconds")],
)  # fmt: skip
def test_refusal_closes_the_gate_until_it_is_over(
    exchange: RunningExchange, engine: Engine, kind: str, told: str
) -> None:
    async def refused(source: RestSource) -> None:
        exchange.set_faults({"kind": kind, "count": 1, "seconds": 3, "wait_in": told})
        with pytest.raises(RateLimited) as first:
            await source.fetch_time()
        # Dates have whole seconds.
        assert 2 <= first.value.retry_after_s <= 5
        asked = exchange.stats()["paths"]
        with pytest.raises(RateLimited):
            await source.fetch_time()
        assert exchange.stats()["paths"] == asked

    async def patient(source: RestSource) -> None:
        assert await source.fetch_time() == NOW

    use(exchange, engine, refused, max_wait_s=1.5)
    # In another client, as in another process: it waits for the gate and is not refused.
    use(exchange, engine, patient)
    assert exchange.stats()["banned_418"] == 0
