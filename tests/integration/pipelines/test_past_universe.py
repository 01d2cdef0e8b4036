"""The universe of past months from the stand-in, whose MATIC and leveraged tokens ended in 2024."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import CollectionIncomplete, ConfigurationError
from candlehouse.core.planning.windows import Scope, Window
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.pipelines.collecting.collect_run import collect_scope, judge_scope
from candlehouse.pipelines.universe.past_universe import PastReport, backfill_universe, plan_past
from candlehouse.pipelines.universe.refresh import refresh_universe
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.settings import Settings, load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.universe.catalog import select_members_ever, select_snapshot
from candlehouse.storage.warehouse import Warehouse
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.testing import RunningExchange, running

AUGUST, SEPTEMBER, OCTOBER, NOVEMBER = (
    datetime(2024, month, 1, tzinfo=UTC) for month in range(8, 12)
)
MATIC_ENDS = datetime(2024, 9, 10, 3, tzinfo=UTC)
KLINES = "/api/v3/klines"
Row = tuple[object, ...]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[RunningExchange]:
    with running(seed=7, clock="2024-10-20", frozen=True, weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def exchange(stand_in: RunningExchange) -> Iterator[RunningExchange]:
    stand_in.set_limits(reset=True)
    yield stand_in
    stand_in.clear()


@pytest.fixture
def engine(fresh_database: Callable[..., str]) -> Iterator[Engine]:
    engine = connect(fresh_database(timescale=False))
    yield engine
    engine.dispose()


@pytest.fixture
def settings(exchange: RunningExchange) -> Settings:
    return load_settings(
        {
            "BINANCE_REST_URL": exchange.url,
            "COINGECKO_URL": exchange.coingecko_url,
            "BINANCE_PRODUCTS_URL": exchange.url,
            "COLLECTION_START_DATE": "2024-08-15",
            "TIMEFRAMES": "1h",
            "MAX_RETRIES": "1",
        }
    )


def refresh(settings: Settings, engine: Engine) -> set[str]:
    async def run() -> set[str]:
        async with open_source(Warehouse(settings, engine)) as source:
            report = await refresh_universe(Warehouse(settings, engine), source)
            return {member.symbol for member in report.snapshot.members}

    return asyncio.run(run())


def backfill(
    settings: Settings,
    engine: Engine,
    first: datetime | None = None,
    last: datetime | None = None,
) -> PastReport:
    async def run() -> PastReport:
        async with open_source(Warehouse(settings, engine)) as source:
            return await backfill_universe(Warehouse(settings, engine), source, first, last)

    return asyncio.run(run())


def members(engine: Engine, moment: datetime) -> set[str]:
    with engine.connect() as connection:
        snapshot = select_snapshot(connection, moment)
    return set() if snapshot is None else {member.symbol for member in snapshot.members}


def rows(engine: Engine, sql: str) -> list[Row]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def collect(settings: Settings, engine: Engine, symbol: str) -> tuple[int, int]:
    """Fills the gaps of a symbol; how many candles are present or known absent, and pending."""
    scope = Scope(Window.GAPS, (Timeframe.H1,), (symbol,), None, None)

    async def run() -> None:
        async with open_source(Warehouse(settings, engine)) as source:
            assert (await collect_scope(Warehouse(settings, engine), source, scope)).failures == {}
            assert (await judge_scope(Warehouse(settings, engine), source, scope)).failures == {}

    asyncio.run(run())
    (totals,) = rows(
        engine,
        "SELECT present + absent, pending FROM market.coverage_totals"
        f" WHERE symbol = '{symbol}' AND timeframe = '1h'",
    )
    return totals[0], totals[1]


def test_past_months_have_who_was_traded_most_the_month_before(
    settings: Settings, engine: Engine
) -> None:
    live = refresh(settings, engine)
    assert members(engine, SEPTEMBER) == set()

    report = backfill(settings, engine)

    assert [snapshot.as_of for snapshot in report.snapshots] == [AUGUST, SEPTEMBER, OCTOBER]
    assert (report.empty, report.unknown) == ((), ())
    assert {snapshot.source for snapshot in report.snapshots} == {"volume_backfill"}
    assert {len(snapshot.members) for snapshot in report.snapshots} == {52}
    # It ended on the tenth of September, and is nobody's member of today.
    assert "MATICUSDT" in members(engine, SEPTEMBER)
    assert "MATICUSDT" not in live | members(engine, OCTOBER)
    assert "MATICUSDT" in report.joined
    # Listed on the thirteenth: nothing of it was known on the first.
    assert "POLUSDT" not in members(engine, SEPTEMBER)
    never = {"USDCUSDT", "EURUSDT", "WBTCUSDT", "PAXGUSDT", "BTCUPUSDT", "ETHBTC"}
    assert not never & set().union(*(members(engine, one) for one in (AUGUST, OCTOBER)))
    # What was taken live stands.
    assert members(engine, NOVEMBER) == live
    candles = SyntheticMarket(7).candles("SOLUSDT", "1d", to_ms(AUGUST), to_ms(SEPTEMBER))
    truth = sum((Decimal(candle.row()[7]) for candle in candles), Decimal(0))
    sql = "SELECT quote_volume, days, last_day::text FROM market.monthly_volumes"
    assert rows(engine, f"{sql} WHERE symbol = 'SOLUSDT' AND month = '2024-08-01'") == [
        (truth, 31, "2024-08-31")
    ]
    # The daily candles themselves are nobody's business.
    assert rows(engine, "SELECT count(*) FROM market.candles") == [(0,)]


def test_members_that_have_ended_are_collected_until_their_end(
    settings: Settings, engine: Engine
) -> None:
    refresh(settings, engine)
    backfill(settings, engine)
    start = settings.collection_start
    wanted = "SELECT wanted_from, wanted_to FROM market.series WHERE symbol = 'MATICUSDT'"
    assert rows(engine, wanted) == [(start, MATIC_ENDS)]
    assert (MATIC_ENDS - start).total_seconds() / 3600 == 627
    assert collect(settings, engine, "MATICUSDT") == (627, 0)
    newest = "SELECT max(open_time) FROM market.candles WHERE symbol = 'MATICUSDT'"
    assert rows(engine, newest) == [(datetime(2024, 9, 10, 2, tzinfo=UTC),)]


def test_pair_that_is_only_in_published_files_any_more_is_ranked_and_collected(
    exchange: RunningExchange, settings: Settings, engine: Engine
) -> None:
    refresh(settings, engine)
    backfill(settings, engine, SEPTEMBER, SEPTEMBER)
    by_rest = rows(engine, "SELECT * FROM market.monthly_volumes WHERE symbol = 'MATICUSDT'")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM market.universe WHERE source = 'volume_backfill'"))
        for table in ("monthly_volumes", "series"):
            connection.execute(text(f"DELETE FROM market.{table} WHERE symbol = 'MATICUSDT'"))
    exchange.set_faults({"kind": "unknown", "symbol": "MATICUSDT"})

    report = backfill(settings, engine, SEPTEMBER, SEPTEMBER)

    assert report.unknown == ("MATICUSDT",)
    by_files = rows(engine, "SELECT * FROM market.monthly_volumes WHERE symbol = 'MATICUSDT'")
    assert by_files == by_rest
    assert "MATICUSDT" in members(engine, SEPTEMBER)
    known = "SELECT first_open_time, wanted_to FROM market.series WHERE symbol = 'MATICUSDT'"
    assert rows(engine, known) == [(datetime(2019, 4, 26, 16, tzinfo=UTC), MATIC_ENDS)]
    assert collect(settings, engine, "MATICUSDT") == (627, 0)


def test_second_run_changes_and_asks_nothing(
    exchange: RunningExchange, settings: Settings, engine: Engine
) -> None:
    first = backfill(settings, engine, AUGUST, SEPTEMBER)
    assert [snapshot.as_of for snapshot in first.snapshots] == [AUGUST, SEPTEMBER]
    stored = rows(engine, "SELECT * FROM market.universe ORDER BY as_of, rank")
    asked = exchange.stats()["paths"][KLINES]

    assert backfill(settings, engine, AUGUST, SEPTEMBER).snapshots == ()

    assert exchange.stats()["paths"][KLINES] == asked
    # Another month asks for that one alone, and leaves the others as they are.
    assert [one.as_of for one in backfill(settings, engine).snapshots] == [OCTOBER]
    again = rows(engine, "SELECT * FROM market.universe WHERE as_of < '2024-10-01' ORDER BY 1, 2")
    assert again == stored
    with engine.connect() as connection:
        assert "MATICUSDT" in select_members_ever(connection)


def test_no_month_is_made_by_a_part_and_what_was_asked_is_kept(
    exchange: RunningExchange, settings: Settings, engine: Engine
) -> None:
    exchange.set_faults({"kind": "500", "path": KLINES, "symbol": "SOLUSDT", "interval": "1d"})
    with pytest.raises(CollectionIncomplete, match="SOLUSDT"):
        backfill(settings, engine, SEPTEMBER, SEPTEMBER)
    assert members(engine, NOVEMBER) == set()
    exchange.clear()
    before = exchange.stats()["paths"][KLINES]

    async def plan() -> list[str]:
        async with open_source(Warehouse(settings, engine)) as source:
            return sorted(
                (await plan_past(Warehouse(settings, engine), source, SEPTEMBER, SEPTEMBER)).unasked
            )

    assert asyncio.run(plan()) == ["SOLUSDT"]
    assert exchange.stats()["paths"][KLINES] == before
    backfill(settings, engine, SEPTEMBER, SEPTEMBER)
    assert "SOLUSDT" in members(engine, SEPTEMBER)


def test_live_snapshots_and_what_follows_them_stay_alone(
    settings: Settings, engine: Engine
) -> None:
    live = refresh(settings, engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE market.universe SET as_of = '2024-09-10'"))

    report = backfill(settings, engine)

    assert [snapshot.as_of for snapshot in report.snapshots] == [AUGUST, SEPTEMBER]
    assert members(engine, OCTOBER) == live
    # Nor do past members stay in the live universe.
    assert refresh(settings, engine) == live


def test_named_symbols_have_no_past_universe(settings: Settings, engine: Engine) -> None:
    named = load_settings({"SYMBOLS": "BTCUSDT", "BINANCE_REST_URL": settings.rest_url})
    with pytest.raises(ConfigurationError, match="SYMBOLS is set"):
        backfill(named, engine)
