from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.alerts import Metric
from candlehouse.core.errors import ConfigurationError, UniverseEmpty, UniverseShrunken
from candlehouse.pipelines.universe.refresh import RefreshReport, refresh_universe
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.settings import Settings, load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.universe.catalog import select_snapshot, select_trading
from candlehouse.storage.upkeep.alerts import measure
from candlehouse.storage.warehouse import Warehouse
from exchange_sim.testing import RunningExchange, running
from support.exchanges.scripted_exchange import Reply, scripted


@pytest.fixture(scope="module")
def stand_in() -> Iterator[RunningExchange]:
    with running(seed=7, clock="2024-06-01", frozen=True, weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def exchange(stand_in: RunningExchange) -> RunningExchange:
    # Listings weigh much: what the tests before used of a minute would be waited for.
    stand_in.set_limits(reset=True)
    return stand_in


@pytest.fixture(autouse=True)
def sound(stand_in: RunningExchange) -> Iterator[None]:
    yield
    stand_in.clear()


@pytest.fixture
def engine(fresh_database: Callable[..., str]) -> Iterator[Engine]:
    engine = connect(fresh_database(timescale=False))
    yield engine
    engine.dispose()


def settings_for(exchange: RunningExchange, **variables: str) -> Settings:
    return load_settings(
        {
            "BINANCE_REST_URL": exchange.url,
            "COINGECKO_URL": exchange.coingecko_url,
            "BINANCE_PRODUCTS_URL": exchange.url,
            "MAX_RETRIES": "1",
            **variables,
        }
    )


def refresh(settings: Settings, engine: Engine) -> RefreshReport:
    async def run() -> RefreshReport:
        async with open_source(Warehouse(settings, engine)) as source:
            return await refresh_universe(Warehouse(settings, engine), source)

    return asyncio.run(run())


def test_universe_is_bitcoin_ether_and_the_fifty_largest_others(
    exchange: RunningExchange, engine: Engine
) -> None:
    report = refresh(settings_for(exchange), engine)

    members = report.snapshot.members
    assert (report.snapshot.source, report.failures) == ("coingecko", ())
    assert len(members) == 52
    assert [member.base_asset for member in members[:2]] == ["BTC", "ETH"]
    sizes = [member.market_cap_usd for member in members if member.market_cap_usd is not None]
    assert len(sizes) == 52
    assert sizes == sorted(sizes, reverse=True)
    bases = {member.base_asset for member in members}
    assert "JUP" in bases
    assert not bases & {"USDC", "FDUSD", "EUR", "WBTC", "PAXG", "BTCUP", "AAPLB"}
    assert report.joined == tuple(sorted(member.symbol for member in members))
    with engine.connect() as connection:
        assert select_snapshot(connection) == report.snapshot


def test_second_refresh_of_the_same_market_changes_nobody(
    exchange: RunningExchange, engine: Engine
) -> None:
    first = refresh(settings_for(exchange), engine)
    second = refresh(settings_for(exchange), engine)

    assert (second.joined, second.left) == ((), ())
    assert second.snapshot.members == first.snapshot.members
    assert second.snapshot.as_of > first.snapshot.as_of


def test_every_pair_is_stored_with_its_status(exchange: RunningExchange, engine: Engine) -> None:
    refresh(settings_for(exchange), engine)

    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT status = 'TRADING' AS trades, left_at FROM market.instruments")
        ).all()
    assert {(row.trades, row.left_at is None) for row in rows} == {(True, True), (False, False)}


@pytest.mark.parametrize(("days", "noticed"), [(20, True), (6, False)])
def test_pair_that_returns_after_long_is_named(
    exchange: RunningExchange, engine: Engine, days: int, noticed: bool
) -> None:
    settings = settings_for(exchange, SYMBOLS="ETHUSDT")
    now = refresh(settings, engine).snapshot.as_of
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE market.instruments SET status = 'BREAK', left_at = :left_at"
                " WHERE symbol = 'BTCUSDT'"
            ),
            {"left_at": now - timedelta(days=days)},
        )

    returned = refresh(settings, engine).returned

    assert [one.symbol for one in returned] == (["BTCUSDT"] if noticed else [])
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT symbol, left_at FROM market.instrument_returns"))
        assert [tuple(row) for row in kept] == [("BTCUSDT", now - timedelta(days=days))]
        moments = connection.execute(
            text("SELECT ended_at, resumed_at FROM market.instrument_returns")
        ).one()
    # It traded all the while.
    left = now - timedelta(days=days)
    assert tuple(moments) == ((left, left) if noticed else (None, None))
    assert refresh(settings, engine).returned == ()


@pytest.mark.parametrize("source", ["binance", "volume"])
def test_source_of_sizes_can_be_named(
    exchange: RunningExchange, engine: Engine, source: str
) -> None:
    report = refresh(settings_for(exchange, MARKET_CAP_SOURCE=source, TOP_N_CRYPTOS="5"), engine)

    assert (report.snapshot.source, report.failures) == (source, ())
    assert len(report.snapshot.members) == 7
    assert (report.snapshot.members[0].market_cap_usd is None) == (source == "volume")


def test_failing_sources_are_said_and_the_next_one_used(
    exchange: RunningExchange, engine: Engine
) -> None:
    settings = settings_for(
        exchange, COINGECKO_URL=f"{exchange.url}/nowhere", BINANCE_PRODUCTS_URL=f"{exchange.url}/no"
    )

    report = refresh(settings, engine)

    assert report.snapshot.source == "volume"
    assert [failure.partition(":")[0] for failure in report.failures] == [
        "tags", "coingecko", "binance",
    ]  # fmt: skip
    assert "HTTP 404" in report.failures[1]


COINS = {"kind": "part", "path": "/coingecko/*", "rows": 4}
PRODUCTS = {"kind": "part", "path": "/bapi/*", "rows": 4}
TICKERS = {"kind": "part", "path": "/api/v3/ticker/24hr", "rows": 20}
PAIRS = {"kind": "part", "path": "/api/v3/exchangeInfo", "rows": 20}


@pytest.mark.parametrize(
    ("cut", "used"),
    [
        ([COINS], "binance"),
        ([COINS, PRODUCTS], "volume"),
        ([TICKERS], "binance"),
        # The first page of coins is there, the second is refused.
        ([{"kind": "429", "path": "/coingecko/*", "skip": 1, "seconds": 60}], "binance"),
    ],
)
def test_source_that_answers_in_part_is_left_for_the_next(
    exchange: RunningExchange, engine: Engine, cut: list[dict[str, object]], used: str
) -> None:
    whole = refresh(settings_for(exchange), engine)
    exchange.set_faults(*cut)

    report = refresh(settings_for(exchange), engine)

    assert (report.snapshot.source, len(report.snapshot.members)) == (used, 52)
    assert report.failures[0].startswith("coingecko: ")
    assert len(whole.snapshot.members) == 52


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("cut", [[COINS, PRODUCTS, TICKERS], [PAIRS]])
def test_shrunken_universe_is_an_alert_and_no_snapshot(
    exchange: RunningExchange, engine: Engine, cut: list[dict[str, object]], first: bool
) -> None:
    settings = settings_for(exchange)
    before = None if first else refresh(settings, engine).snapshot
    recorded = trading(engine)
    exchange.set_faults(*cut)

    with pytest.raises(UniverseShrunken):
        refresh(settings, engine)

    with engine.connect() as connection:
        assert select_snapshot(connection) == before
        assert [one.key.metric for one in measure(connection)].count(Metric.UNIVERSE) == 1
    # Nobody has stopped trading by it.
    assert trading(engine) == recorded
    exchange.clear()
    assert len(refresh(settings, engine).snapshot.members) == 52
    with engine.connect() as connection:
        assert Metric.UNIVERSE not in {one.key.metric for one in measure(connection)}


def test_cut_list_of_pairs_retires_nobody_where_symbols_are_named(
    exchange: RunningExchange, engine: Engine
) -> None:
    settings = settings_for(exchange, SYMBOLS="BTCUSDT,ETHUSDT")
    refresh(settings, engine)
    recorded = trading(engine)
    exchange.set_faults(PAIRS)

    with pytest.raises(UniverseShrunken, match="exchangeInfo lacks"):
        refresh(settings, engine)

    assert trading(engine) == recorded


def trading(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return select_trading(connection)


def test_named_symbols_are_the_universe(exchange: RunningExchange, engine: Engine) -> None:
    settings = settings_for(exchange, SYMBOLS="ETHUSDT,BTCUSDT", COINGECKO_URL="http://127.0.0.1:1")

    report = refresh(settings, engine)

    assert report.snapshot.source == "settings"
    assert [(one.rank, one.symbol) for one in report.snapshot.members] == [
        (1, "ETHUSDT"), (2, "BTCUSDT"),
    ]  # fmt: skip


def test_unknown_named_symbol_is_said_and_nothing_is_stored(
    exchange: RunningExchange, engine: Engine
) -> None:
    settings = settings_for(exchange, SYMBOLS="BTCUSDT,NOSUCHUSDT")

    with pytest.raises(ConfigurationError, match="the exchange has no NOSUCHUSDT"):
        refresh(settings, engine)
    with engine.connect() as connection:
        assert select_snapshot(connection) is None


def test_exchange_with_no_pair_to_collect_is_no_success(engine: Engine) -> None:
    by_path = {
        "/api/v3/time": Reply({"serverTime": 1_717_243_200_000}),
        "/api/v3/exchangeInfo": Reply({"symbols": []}),
        "/bapi/asset/v2/public/asset-service/product/get-products": Reply("", 404),
    }

    async def run() -> None:
        async with scripted(by_path=by_path) as server:
            settings = load_settings(
                {"BINANCE_REST_URL": server.url, "BINANCE_PRODUCTS_URL": server.url}
            )
            async with open_source(Warehouse(settings, engine)) as source:
                with pytest.raises(UniverseEmpty, match="USDT"):
                    await refresh_universe(Warehouse(settings, engine), source)

    asyncio.run(run())
