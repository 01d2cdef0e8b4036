"""Which range each series of a run is asked for, and what becomes of symbols that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import CollectionIncomplete, UniverseEmpty, UnknownSymbol
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.planning.windows import Scope, Window
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.instruments import Instrument
from candlehouse.pipelines.collecting import collect_run
from candlehouse.pipelines.collecting.collect_run import (
    collect_scope,
    complete_scope,
    judge_scope,
    plan_scope,
    require_complete,
)
from candlehouse.pipelines.collecting.requested_ranges import (
    RequestedRanges,
    find_requested,
    register_requested,
)
from candlehouse.pipelines.fetching.collect_options import CollectReport
from candlehouse.settings import load_settings
from candlehouse.storage.completeness.gaps import record_gaps
from candlehouse.storage.completeness.series import reopen_series, want_streamed
from candlehouse.storage.database.engine import connect
from candlehouse.storage.universe.catalog import upsert_instruments
from candlehouse.storage.warehouse import Warehouse
from support.exchanges.model_exchange import ModelExchange, hours

T0 = datetime(2024, 3, 1, tzinfo=UTC)
NOW = T0 + timedelta(hours=60)
H1 = (Timeframe.H1,)
SETTINGS = replace(
    load_settings({"TIMEFRAMES": "1h", "COLLECTION_START_DATE": "2024-02-25"}), batch_size=100
)
OLD = Series("OLDUSDT", Timeframe.H1)
LATE = Series("LATEUSDT", Timeframe.H1)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def exchange() -> ModelExchange:
    others = dict.fromkeys(("AUSDT", "BUSDT", "CUSDT"), T0 - timedelta(days=90))
    listed = {"OLDUSDT": T0 - timedelta(days=90), "LATEUSDT": T0 + timedelta(hours=9, minutes=30)}
    return ModelExchange(NOW, listed | others)


def join(engine: Engine, *symbols: str) -> None:
    with engine.begin() as connection:
        for rank, symbol in enumerate(symbols, 1):
            connection.execute(
                text(
                    "INSERT INTO market.universe (as_of, rank, symbol, base_asset, source)"
                    " VALUES (:as_of, :rank, :symbol, :symbol, 'test')"
                ),
                {"as_of": T0, "rank": rank, "symbol": symbol},
            )


def requested(engine: Engine, exchange: ModelExchange, scope: Scope) -> dict[Series, Span]:
    async def ask() -> RequestedRanges:
        found = await find_requested(Warehouse(SETTINGS, engine), exchange, scope, exchange.now)
        await register_requested(Warehouse(SETTINGS, engine), found)
        return found

    found = asyncio.run(ask())
    assert found.first.failures == {}
    return found.spans


def run(engine: Engine, exchange: ModelExchange, scope: Scope) -> None:
    async def both() -> None:
        collected = await collect_scope(Warehouse(SETTINGS, engine), exchange, scope)
        judged = await judge_scope(Warehouse(SETTINGS, engine), exchange, scope)
        assert not collected.failures
        assert not judged.failures

    asyncio.run(both())


def column(engine: Engine, sql: str) -> list[object]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql)).scalars())


def test_a_run_over_nothing_does_not_succeed(engine: Engine, exchange: ModelExchange) -> None:
    with pytest.raises(UniverseEmpty, match="universe refresh"):
        requested(engine, exchange, Scope(Window.FORWARD, H1))


def test_gaps_are_asked_for_as_each_series_is_wanted(
    engine: Engine, exchange: ModelExchange
) -> None:
    join(engine, "OLDUSDT", "LATEUSDT")
    # The hour that closed just now is within the grace.
    assert requested(engine, exchange, Scope(Window.GAPS, H1)) == {
        OLD: Span(SETTINGS.collection_start, NOW - timedelta(hours=1)),
        LATE: Span(T0 + timedelta(hours=9), NOW - timedelta(hours=1)),
    }


def test_forward_asks_every_member_for_the_current_month(
    engine: Engine, exchange: ModelExchange
) -> None:
    join(engine, "OLDUSDT", "LATEUSDT")
    assert requested(engine, exchange, Scope(Window.FORWARD, H1)) == {
        OLD: Span(T0, NOW),
        LATE: Span(T0, NOW),
    }


def test_gaps_of_what_was_never_a_member_are_filled_as_far_as_they_were_asked_for(
    engine: Engine, exchange: ModelExchange
) -> None:
    join(engine, "OLDUSDT")
    run(engine, exchange, Scope(Window.GAPS, H1))
    # Asked for by name, in a timeframe of no setting: some of it is late.
    lone = Series("AUSDT", Timeframe.H4)
    exchange.holes += [("AUSDT", hours(T0, 4, 8)), ("AUSDT", hours(T0, 20, 24))]
    asyncio.run(
        collect_scope(
            Warehouse(SETTINGS, engine), exchange,
            Scope(Window.BACKWARD, (lone.timeframe,), (lone.symbol,), span=hours(T0, 0, 28)),
        )
    )  # fmt: skip
    pending = "SELECT sum(pending)::int FROM market.coverage_totals"
    assert column(engine, pending) == [2]
    exchange.holes.clear()
    exchange.requests = 0
    run(engine, exchange, Scope(Window.GAPS))
    assert column(engine, pending) == [0]
    held = "SELECT count(*) FROM market.candles_4h"
    assert column(engine, held) == [7], "what lies beside what was asked for is not fetched"
    # The same, for a group of a DAG's run, which names its symbols.
    assert requested(engine, exchange, Scope(Window.GAPS, (), ("AUSDT",))) == {}


def test_gaps_in_files_of_ones_own_fail_no_run(
    engine: Engine, exchange: ModelExchange, caplog: pytest.LogCaptureFixture
) -> None:
    class Strict(ModelExchange):
        async def fetch_first_open_time(self, series: Series) -> datetime | None:
            if series.symbol not in self.listed:
                raise UnknownSymbol(str(series))
            return await super().fetch_first_open_time(series)

    join(engine, "OLDUSDT")
    gap = Gap(hours(T0, 4, 8), Verdict.PENDING)
    with engine.begin() as connection:
        record_gaps(connection, Timeframe.H1, {"OWNUSDT": [gap]}, NOW)
    strict = Strict(NOW, exchange.listed)
    report = asyncio.run(collect_scope(Warehouse(SETTINGS, engine), strict, Scope(Window.GAPS)))
    assert report.failures == {}
    assert list(report.requested) == [OLD]
    assert "the exchange does not know OWNUSDT 1h: what is missing of it stays" in caplog.text
    # One that is wanted is named as a failure.
    join_own = Scope(Window.FORWARD, H1, ("OWNUSDT",))
    report = asyncio.run(collect_scope(Warehouse(SETTINGS, engine), strict, join_own))
    assert list(report.failures) == [Series("OWNUSDT", Timeframe.H1)] == list(report.unknown)


def test_series_that_is_streamed_and_was_never_a_member_is_filled(
    engine: Engine, exchange: ModelExchange
) -> None:
    with engine.begin() as connection:
        want_streamed(connection, ["AUSDT"], [Timeframe.M15], T0)
    grace = Timeframe.M15.floor(NOW - SETTINGS.close_grace)
    found = requested(engine, exchange, Scope(Window.GAPS))
    assert found == {Series("AUSDT", Timeframe.M15): Span(T0, grace)}


@pytest.mark.parametrize("window", [Window.FORWARD, Window.GAPS])
def test_a_plan_stores_nothing_and_says_what_it_asked(
    engine: Engine, exchange: ModelExchange, window: Window
) -> None:
    join(engine, "OLDUSDT", "LATEUSDT")
    before = dump(engine)
    plan = asyncio.run(plan_scope(Warehouse(SETTINGS, engine), exchange, Scope(window, H1)))
    assert dump(engine) == before
    assert (plan.first.requests, plan.first.weight) == (2, 4)
    assert {fetch.series for fetch in plan.fetches} == {OLD, LATE}
    # It is what a run fetches, though nothing was known of the series.
    registered = asyncio.run(
        plan_scope(Warehouse(SETTINGS, engine), exchange, Scope(window, H1), register=True)
    )
    assert (registered.fetches, registered.cost) == (plan.fetches, plan.cost)
    assert dump(engine) != before
    assert (
        asyncio.run(
            plan_scope(Warehouse(SETTINGS, engine), exchange, Scope(window, H1))
        ).first.weight
        == 0
    )


@pytest.mark.parametrize("window", [Window.FORWARD, Window.GAPS])
def test_what_was_planned_is_carried_out_and_judged_without_planning_again(
    engine: Engine, exchange: ModelExchange, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(engine, "OLDUSDT", "LATEUSDT")
    scope = Scope(window, H1)
    warehouse = Warehouse(SETTINGS, engine)
    planned = asyncio.run(plan_scope(warehouse, exchange, scope, register=True))
    with monkeypatch.context() as patched:
        patched.setattr(collect_run, "find_requested", lambda *_: pytest.fail("asked again"))
        run = complete_scope(warehouse, exchange, scope, planned)
        collected, judged = asyncio.run(run)
    assert (collected.failures, judged.failures) == ({}, {})
    assert collected.requested == planned.requested.spans
    assert collected.written.inserted > 0
    assert asyncio.run(plan_scope(warehouse, exchange, scope)).is_empty


def dump(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table but the weight ledger and the exchange's clock."""
    apart = ("weight_reservations", "exchange_state")
    with engine.connect() as connection:
        names = connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'market'::regnamespace"
                " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
            )
        ).scalars()
        rows = {name: text(f"SELECT t::text FROM market.{name} AS t") for name in names}
        return {
            name: sorted(connection.execute(query).scalars())
            for name, query in rows.items()
            if name not in apart
        }


def test_symbols_that_the_exchange_does_not_know_are_not_tried_again() -> None:
    def fail(*unknown: Series) -> bool:
        failures = {OLD: "HTTP 500", LATE: "the exchange does not know this symbol"}
        report = CollectReport(failures=failures, unknown=set(unknown))
        with pytest.raises(CollectionIncomplete) as raised:
            require_complete(report)
        return raised.value.retryable

    assert fail(LATE)
    assert not fail(OLD, LATE)


def test_a_symbol_asked_for_by_name_is_not_made_wanted(
    engine: Engine, exchange: ModelExchange
) -> None:
    scope = Scope(Window.BACKWARD, H1, ("OLDUSDT",), span=hours(T0, 0, 5))
    assert requested(engine, exchange, scope) == {OLD: hours(T0, 0, 5)}
    assert column(engine, "SELECT wanted_from FROM market.series") == [None]


def test_the_first_candle_of_a_pair_is_kept_with_its_instrument(
    engine: Engine, exchange: ModelExchange
) -> None:
    with engine.begin() as connection:
        instrument = Instrument("LATEUSDT", "LATE", "USDT", "TRADING")
        upsert_instruments(connection, [instrument], NOW)
    requested(engine, exchange, Scope(Window.FORWARD, H1, ("LATEUSDT",)))
    assert column(engine, "SELECT first_open_time FROM market.instruments") == [
        T0 + timedelta(hours=9)
    ]


def test_a_symbol_that_leaves_is_delisted_and_wanted_no_more_until_it_returns(
    engine: Engine, exchange: ModelExchange
) -> None:
    join(engine, "OLDUSDT")
    exchange.ended["OLDUSDT"] = T0 + timedelta(hours=40)
    forward = Scope(Window.FORWARD, H1)
    run(engine, exchange, forward)
    left = T0 + timedelta(hours=40)
    assert column(engine, "SELECT verdict FROM market.gaps") == ["delisted"]
    assert column(engine, "SELECT wanted_to FROM market.series WHERE symbol = 'OLDUSDT'") == [left]
    requests = exchange.requests
    run(engine, exchange, forward)
    assert exchange.requests == requests, "nobody asks after it again"
    # It comes back: what was taken for its end was a pause.
    del exchange.ended["OLDUSDT"]
    exchange.holes.append(("OLDUSDT", hours(T0, 40, 80)))
    exchange.now = T0 + timedelta(hours=90)
    with engine.begin() as connection:
        instrument = Instrument("OLDUSDT", "OLD", "USDT", "TRADING")
        upsert_instruments(connection, [instrument], exchange.now)
        assert reopen_series(connection) == 1
    run(engine, exchange, forward)
    with engine.connect() as connection:
        gaps = connection.execute(
            text("SELECT gap_start, gap_end, verdict FROM market.gaps ORDER BY gap_start")
        ).all()
    assert gaps[0].gap_start == left
    assert gaps[-1].gap_end == T0 + timedelta(hours=80)
    assert gaps[0].verdict == "not_trading"
