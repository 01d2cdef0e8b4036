"""Which symbols may be named: known to the warehouse, listed, or answered for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import ConfigurationError, UnknownSymbol
from candlehouse.core.model import Series
from candlehouse.core.universe.instruments import ExchangeInfo, Instrument
from candlehouse.pipelines.universe.symbols import require_recorded, require_symbols
from candlehouse.storage.database.engine import connect
from candlehouse.storage.universe.catalog import upsert_instruments
from support.warehouses import warehouse_of

NOW = datetime(2024, 3, 1, tzinfo=UTC)


class Exchange:
    """Lists one pair that trades and one that does not, and answers for one it does not list."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    async def fetch_instruments(self) -> ExchangeInfo:
        self.requests.append("exchangeInfo")
        pairs = (("BTCUSDT", "TRADING"), ("LUNCUSDT", "BREAK"))
        return ExchangeInfo(
            None, tuple(Instrument(symbol, "X", "USDT", status) for symbol, status in pairs)
        )

    async def fetch_first_open_time(self, series: Series) -> datetime | None:
        self.requests.append(series.symbol)
        if series.symbol != "OLDUSDT":
            raise UnknownSymbol(f"{series}: Invalid symbol.")
        return NOW


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def ask(engine: Engine, *symbols: str) -> tuple[int, list[str]]:
    exchange = Exchange()
    weight = asyncio.run(require_symbols(warehouse_of(engine), cast(Any, exchange), symbols))
    return weight, exchange.requests


def test_an_empty_warehouse_asks_the_exchange_once(engine: Engine) -> None:
    assert ask(engine) == (0, [])
    assert ask(engine, "BTCUSDT", "LUNCUSDT") == (20, ["exchangeInfo"])
    assert ask(engine, "BTCUSDT", "OLDUSDT") == (22, ["exchangeInfo", "OLDUSDT"])


def test_what_nobody_knows_is_refused_by_name(engine: Engine) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ask(engine, "BTCUSDT", "FOOUSDT", "OLDUSDT", "BARUSDT")
    assert str(raised.value) == "symbols: the exchange has no BARUSDT, FOOUSDT"


@pytest.mark.parametrize(
    "known",
    [
        "INSERT INTO market.universe (as_of, rank, symbol, base_asset, source)"
        " VALUES ('2024-01-01Z', 1, 'GONEUSDT', 'GONE', 'test')",
        "INSERT INTO market.series (symbol, timeframe, first_open_time)"
        " VALUES ('GONEUSDT', '1h', '2020-01-01Z')",
        "INSERT INTO market.coverage_series"
        " (symbol, timeframe, present_slots, whole_days, short_days)"
        " VALUES ('GONEUSDT', '1h', 1, '{}', '{[2024-01-01,2024-01-02)}')",
    ],
)
def test_what_the_warehouse_knows_is_let_through_without_a_request(
    engine: Engine, known: str
) -> None:
    with engine.begin() as connection:
        connection.execute(text(known))
    assert ask(engine, "GONEUSDT") == (0, [])
    require_recorded(warehouse_of(engine), ["GONEUSDT"])


def test_a_pair_that_has_left_the_exchange_stays_known(engine: Engine) -> None:
    with engine.begin() as connection:
        upsert_instruments(connection, [Instrument("GONEUSDT", "GONE", "USDT", "TRADING")], NOW)
        assert upsert_instruments(connection, [], NOW) == ["GONEUSDT"]
    assert ask(engine, "GONEUSDT") == (0, [])


def test_marks_that_a_failure_or_a_stream_leaves_make_no_symbol_known(engine: Engine) -> None:
    with engine.begin() as connection:
        for mark in (
            "INSERT INTO market.series (symbol, timeframe, wanted_from)"
            " VALUES ('FOOUSDT', '1h', '2024-01-01Z')",
            "INSERT INTO market.collector_state (symbol, timeframe, last_error)"
            " VALUES ('FOOUSDT', '1h', 'the exchange does not know this symbol')",
        ):
            connection.execute(text(mark))
    with pytest.raises(ConfigurationError, match="the exchange has no FOOUSDT"):
        ask(engine, "FOOUSDT")
    with pytest.raises(ConfigurationError, match="the warehouse knows no FOOUSDT"):
        require_recorded(warehouse_of(engine), ["FOOUSDT"])
