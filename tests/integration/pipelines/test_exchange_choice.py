from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import (
    ConfigurationError,
    ExchangeUnavailable,
    RateLimited,
    WrongExchange,
)
from candlehouse.core.timeframe import from_ms
from candlehouse.pipelines.venue.exchange_choice import resolve_exchange, wants_stand_in
from candlehouse.pipelines.venue.probing import Probed, probe_exchange
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.settings import Settings, load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.exchange_state import (
    Contact,
    ExchangeEndpoints,
    select_exchange_state,
)
from candlehouse.storage.warehouse import Warehouse
from exchange_sim.testing import running
from support.exchanges.scripted_exchange import Reply, scripted

BINANCE = "https://api.binance.com"
SIM = "http://127.0.0.1:7001"
BY_HAND = "http://10.0.0.5:9000"
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


class World:
    """Who answers where: identities by URL."""

    def __init__(self, **answers: str) -> None:
        self.asked: list[str] = []
        self._answers = {
            {"binance": BINANCE, "sim": SIM, "by_hand": BY_HAND}[name]: identity
            for name, identity in answers.items()
        }

    def __call__(self, url: str) -> Probed:
        self.asked.append(url)
        if url not in self._answers:
            raise ExchangeUnavailable(f"no exchange answers at {url}")
        return Probed(self._answers[url], Contact(NOON, NOON))


@pytest.fixture
def engine(fresh_database: Callable[..., str]) -> Iterator[Engine]:
    engine = connect(fresh_database(timescale=False))
    yield engine
    engine.dispose()


def settings(exchange: str = "auto", **variables: str) -> Settings:
    return load_settings({"EXCHANGE": exchange, **variables})


def stored_identity(engine: Engine) -> str | None:
    with engine.connect() as connection:
        state = select_exchange_state(connection)
    return state and state.endpoints.identity


def test_auto_is_binance_where_it_answers(engine: Engine) -> None:
    world = World(binance="binance", sim="sim:7")

    assert wants_stand_in(Warehouse(settings(), engine), world) is False
    found = resolve_exchange(Warehouse(settings(), engine), world, SIM)

    assert found == ExchangeEndpoints(
        "binance", BINANCE, "https://api.coingecko.com", "https://www.binance.com"
    )
    assert stored_identity(engine) == "binance"
    assert SIM not in world.asked


def test_auto_is_the_stand_in_where_binance_does_not_answer(engine: Engine) -> None:
    world = World(sim="sim:7")

    assert wants_stand_in(Warehouse(settings(), engine), world) is True
    assert stored_identity(engine) is None
    assert resolve_exchange(Warehouse(settings(), engine), world, SIM) == ExchangeEndpoints(
        "sim:7", SIM, f"{SIM}/coingecko", SIM
    )


def test_auto_without_a_stand_in_decides_nothing_while_binance_is_away(engine: Engine) -> None:
    with pytest.raises(ExchangeUnavailable, match=r"api\.binance\.com"):
        resolve_exchange(Warehouse(settings(), engine), World())

    assert stored_identity(engine) is None


def test_auto_means_the_stored_one_from_then_on(engine: Engine) -> None:
    resolve_exchange(Warehouse(settings(), engine), World(sim="sim:7"), SIM)

    # Binance is back, but this warehouse holds the stand-in's candles.
    back = World(binance="binance", sim="sim:7")
    assert wants_stand_in(Warehouse(settings(), engine), back) is True
    assert resolve_exchange(Warehouse(settings(), engine), back, SIM).identity == "sim:7"
    assert BINANCE not in back.asked


def test_stored_exchange_out_of_reach_is_an_error_and_no_reason_for_another(
    engine: Engine,
) -> None:
    resolve_exchange(Warehouse(settings(), engine), World(binance="binance"))

    assert wants_stand_in(Warehouse(settings(), engine), World(sim="sim:7")) is False
    with pytest.raises(ExchangeUnavailable):
        resolve_exchange(Warehouse(settings(), engine), World(sim="sim:7"), SIM)
    assert stored_identity(engine) == "binance"


def test_stand_in_of_another_market_is_refused(engine: Engine) -> None:
    resolve_exchange(Warehouse(settings(), engine), World(sim="sim:7"), SIM)

    with pytest.raises(WrongExchange, match="is sim:8, but the warehouse belongs to sim:7"):
        resolve_exchange(Warehouse(settings(), engine), World(sim="sim:8"), SIM)


@pytest.mark.parametrize(("first", "then"), [("binance", "sim"), ("sim", "binance")])
def test_forcing_the_other_kind_is_refused(engine: Engine, first: str, then: str) -> None:
    world = World(binance="binance", sim="sim:7")
    resolve_exchange(Warehouse(settings(first), engine), world, SIM)

    with pytest.raises(WrongExchange, match=f"EXCHANGE={then}"):
        wants_stand_in(Warehouse(settings(then), engine), world)
    with pytest.raises(WrongExchange, match=f"EXCHANGE={then}"):
        resolve_exchange(Warehouse(settings(then), engine), world, SIM)


def test_forcing_binance_never_falls_back(engine: Engine) -> None:
    world = World(sim="sim:7")

    with pytest.raises(ExchangeUnavailable):
        wants_stand_in(Warehouse(settings("binance"), engine), world)
    with pytest.raises(ExchangeUnavailable):
        resolve_exchange(Warehouse(settings("binance"), engine), world, SIM)


def test_forcing_the_stand_in_needs_one(engine: Engine) -> None:
    world = World(binance="binance")

    assert wants_stand_in(Warehouse(settings("sim"), engine), world) is True
    with pytest.raises(ConfigurationError, match="EXCHANGE=sim needs a stand-in"):
        resolve_exchange(Warehouse(settings("sim"), engine), world)


@pytest.mark.parametrize("identity", ["binance", "sim:9"])
def test_url_given_by_hand_is_whatever_answers_there(engine: Engine, identity: str) -> None:
    chosen = settings(BINANCE_REST_URL=BY_HAND, COINGECKO_URL=f"{BY_HAND}/coins")

    assert wants_stand_in(Warehouse(chosen, engine), World()) is False
    found = resolve_exchange(Warehouse(chosen, engine), World(by_hand=identity), SIM)

    assert (found.identity, found.coingecko_url) == (identity, f"{BY_HAND}/coins")


def test_url_given_by_hand_must_still_be_the_warehouses_exchange(engine: Engine) -> None:
    resolve_exchange(Warehouse(settings(), engine), World(binance="binance"))
    chosen = settings(BINANCE_REST_URL=BY_HAND)

    with pytest.raises(WrongExchange):
        resolve_exchange(Warehouse(chosen, engine), World(by_hand="sim:9"))
    assert resolve_exchange(Warehouse(chosen, engine), World(by_hand="binance")).rest_url == BY_HAND
    with engine.connect() as connection:
        state = select_exchange_state(connection)
    assert state is not None
    assert state.endpoints.rest_url == BY_HAND


def test_of_two_that_decide_at_once_the_second_follows_or_fails(engine: Engine) -> None:
    class Overtaken(World):
        def __call__(self, url: str) -> Probed:
            resolve_exchange(Warehouse(settings(), engine), World(sim="sim:1"), SIM)
            return super().__call__(url)

    with pytest.raises(WrongExchange, match="belongs to sim:1"):
        resolve_exchange(Warehouse(settings(), engine), Overtaken(binance="binance"))


CLOCK = {"serverTime": 1_717_243_200_000}
INFO = {
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 777}
    ],
    "symbols": [],
}


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply("<html>", 200), "no exchange answers at"),
        (Reply("{}", 200), "no exchange answers at"),
        (Reply("no", 503), "503"),
        (Reply("{", cut=True), "no exchange answers at"),
    ],
)
def test_probe_refuses_what_does_not_answer_as_an_exchange(reply: Reply, problem: str) -> None:
    async def run() -> None:
        async with scripted(reply) as server:
            with pytest.raises(ExchangeUnavailable, match=problem):
                await asyncio.to_thread(probe_exchange, server.url)

    asyncio.run(run())


def test_probe_finds_identity_and_clock() -> None:
    async def run() -> None:
        header = {"X-Exchange-Sim-Market": "seed-7"}
        async with scripted(Reply(CLOCK, headers=header)) as server:
            probed = await asyncio.to_thread(probe_exchange, server.url)
        assert probed.identity == "sim:seed-7"
        assert probed.contact.exchange_time == from_ms(CLOCK["serverTime"])
        assert abs(datetime.now(UTC) - probed.contact.local_time) < timedelta(minutes=1)

    asyncio.run(run())


def test_source_keeps_the_clock_and_asks_for_the_limit_once_a_day(engine: Engine) -> None:
    async def run() -> None:
        by_path = {"/api/v3/time": Reply(CLOCK), "/api/v3/exchangeInfo": Reply(INFO)}
        async with scripted(by_path=by_path) as server:
            chosen = settings(BINANCE_REST_URL=server.url)
            for _ in range(2):
                async with open_source(Warehouse(chosen, engine)) as source:
                    assert await source.fetch_time() == from_ms(CLOCK["serverTime"])
            asked = server.requests
        assert asked.count("/api/v3/exchangeInfo") == 1

    asyncio.run(run())
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM market.exchange_state")).one()
    assert (row.identity, row.weight_limit) == ("binance", 777)
    assert row.exchange_time == from_ms(CLOCK["serverTime"])


def test_source_of_another_exchange_is_refused_on_first_contact(engine: Engine) -> None:
    async def run() -> None:
        header = {"X-Exchange-Sim-Market": "8"}
        async with scripted(by_path={"/api/v3/time": Reply(CLOCK, headers=header)}) as server:
            chosen = settings(BINANCE_REST_URL=server.url)
            with pytest.raises(WrongExchange, match="is sim:8, but the warehouse belongs to sim:7"):
                async with open_source(Warehouse(chosen, engine)):
                    pass

    resolve_exchange(Warehouse(settings(), engine), World(sim="sim:7"), SIM)
    asyncio.run(run())


def test_exchange_that_wants_to_be_left_alone_is_no_reason_for_a_stand_in(engine: Engine) -> None:
    fault = {"kind": "418", "path": "/api/v3/time", "wait_in": "body", "seconds": 600}
    with running(seed=1, frozen=True, clock="2026-03-03", faults=[fault]) as exchange:
        chosen = settings(BINANCE_REST_URL=exchange.url)
        for _ in range(3):
            with pytest.raises(RateLimited) as refused:
                resolve_exchange(Warehouse(chosen, engine))
            assert 500 < refused.value.retry_after_s <= 601
        # Asked once: nobody asks inside a ban, which would grow.
        assert exchange.stats()["paths"]["/api/v3/time"] == 1
