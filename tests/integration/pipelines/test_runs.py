"""Which range each series of a run is asked for, and what becomes of symbols that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import UniverseEmpty
from candlehouse.core.instruments import Instrument
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.windows import Scope, Window
from candlehouse.pipelines.runs import collect_scope, find_asked, judge_scope
from candlehouse.settings import load_settings
from candlehouse.storage.catalog import upsert_instruments
from candlehouse.storage.database import connect
from candlehouse.storage.series import reopen_series
from support.model_exchange import ModelExchange, hours

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


def asked(engine: Engine, exchange: ModelExchange, scope: Scope) -> dict[Series, Span]:
    found, failures = asyncio.run(find_asked(SETTINGS, engine, exchange, scope, exchange.now))
    assert failures == {}
    return found


def run(engine: Engine, exchange: ModelExchange, scope: Scope) -> None:
    async def both() -> None:
        collected = await collect_scope(SETTINGS, engine, exchange, scope)
        judged = await judge_scope(SETTINGS, engine, exchange, scope)
        assert not collected.failures
        assert not judged.failures

    asyncio.run(both())


def column(engine: Engine, sql: str) -> list[object]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql)).scalars())


def test_a_run_over_nothing_does_not_succeed(engine: Engine, exchange: ModelExchange) -> None:
    with pytest.raises(UniverseEmpty, match="universe refresh"):
        asked(engine, exchange, Scope(Window.FORWARD, H1))


def test_gaps_are_asked_for_as_each_series_is_wanted(
    engine: Engine, exchange: ModelExchange
) -> None:
    join(engine, "OLDUSDT", "LATEUSDT")
    # The hour that closed just now is within the grace.
    assert asked(engine, exchange, Scope(Window.GAPS, H1)) == {
        OLD: Span(SETTINGS.collection_start, NOW - timedelta(hours=1)),
        LATE: Span(T0 + timedelta(hours=9), NOW - timedelta(hours=1)),
    }


def test_forward_asks_every_member_for_the_current_month(
    engine: Engine, exchange: ModelExchange
) -> None:
    join(engine, "OLDUSDT", "LATEUSDT")
    assert asked(engine, exchange, Scope(Window.FORWARD, H1)) == {
        OLD: Span(T0, NOW),
        LATE: Span(T0, NOW),
    }


def test_a_symbol_asked_for_by_name_is_not_made_wanted(
    engine: Engine, exchange: ModelExchange
) -> None:
    scope = Scope(Window.BACKWARD, H1, ("OLDUSDT",), span=hours(T0, 0, 5))
    assert asked(engine, exchange, scope) == {OLD: hours(T0, 0, 5)}
    assert column(engine, "SELECT wanted_from FROM market.series") == [None]


def test_the_first_candle_of_a_pair_is_kept_with_its_instrument(
    engine: Engine, exchange: ModelExchange
) -> None:
    with engine.begin() as connection:
        instrument = Instrument("LATEUSDT", "LATE", "USDT", "TRADING")
        upsert_instruments(connection, [instrument], NOW)
    asked(engine, exchange, Scope(Window.FORWARD, H1, ("LATEUSDT",)))
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
