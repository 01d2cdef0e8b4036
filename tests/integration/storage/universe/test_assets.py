"""Candles of an asset through its renames, and of no other one that had its ticker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.instruments import Instrument
from candlehouse.storage.database.engine import connect
from candlehouse.storage.universe.catalog import Return, note_returns, upsert_instruments
from support.data.candle_rows import store_closes

DAY = timedelta(days=1)
ALL = "'2017-01-01', '2035-01-01'"
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
LUNA = Instrument("LUNAUSDT", "LUNA", "USDT", "TRADING")


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def store(engine: Engine, symbol: str, *days: str, close: str = "8.50000000") -> None:
    opens = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in days]
    rows = [(moment, close, "3.00") for moment in opens]
    store_closes(engine, Series(symbol, Timeframe.D1), rows)


def joined(engine: Engine, arguments: str) -> list[tuple[str, str]]:
    sql = f"SELECT symbol, open_time::date::text FROM market.candles_of_asset({arguments})"
    with engine.connect() as connection:
        return [(row[0], row[1]) for row in connection.execute(text(sql))]


def test_renamed_tickers_are_one_asset(engine: Engine) -> None:
    store(engine, "MATICUSDT", "2024-09-08", "2024-09-09")
    store(engine, "POLUSDT", "2024-09-14", "2024-09-15")
    assert joined(engine, f"'POL', '1d', {ALL}") == [
        ("MATICUSDT", "2024-09-08"),
        ("MATICUSDT", "2024-09-09"),
        ("POLUSDT", "2024-09-14"),
        ("POLUSDT", "2024-09-15"),
    ]
    assert joined(engine, "'POL', '1d', '2024-09-09', '2024-09-15'") == [
        ("MATICUSDT", "2024-09-09"),
        ("POLUSDT", "2024-09-14"),
    ]
    # What it was called then knows nothing of the later name, and nothing else joins.
    assert {symbol for symbol, _ in joined(engine, f"'MATIC', '1d', {ALL}")} == {"MATICUSDT"}
    assert joined(engine, f"'POL', '1h', {ALL}") == []
    assert joined(engine, f"'POL', '1d', {ALL}, 'BTC'") == []
    with engine.connect() as connection:
        plain = text("SELECT DISTINCT symbol FROM market.candles WHERE symbol = 'POLUSDT'")
        assert connection.execute(plain).scalars().all() == ["POLUSDT"]


def test_the_day_on_which_a_ticker_begins_is_the_new_assets(engine: Engine) -> None:
    # These began at 10:00, 08:00 and 06:00: the candle of that day opens before.
    store(engine, "MATICUSDT", "2024-09-10")
    store(engine, "POLUSDT", "2024-09-12", "2024-09-13")
    store(engine, "LUNAUSDT", "2022-05-13", "2022-05-31")
    old, new = ("MATICUSDT", "2024-09-10"), ("POLUSDT", "2024-09-13")
    assert joined(engine, f"'POL', '1d', {ALL}") == [old, new]
    assert joined(engine, f"'LUNA', '1d', {ALL}") == [("LUNAUSDT", "2022-05-31")]
    assert joined(engine, f"'terra-luna', '1d', {ALL}") == [("LUNAUSDT", "2022-05-13")]


def test_what_a_new_ticker_meant_before_is_another_asset(engine: Engine) -> None:
    store(engine, "SUSDT", "2021-05-01", "2025-01-17")
    store(engine, "FTMUSDT", "2025-01-12")
    assert joined(engine, f"'S', '1d', {ALL}") == [
        ("FTMUSDT", "2025-01-12"),
        ("SUSDT", "2025-01-17"),
    ]


def test_redenomination_is_scaled_when_asked_for_and_otherwise_exact(engine: Engine) -> None:
    store(engine, "BTTUSDT", "2022-01-17", close="0.00250000")
    store(engine, "BTTCUSDT", "2022-01-26", close="0.00000240")
    columns = "close, volume, quote_volume, taker_buy_volume, trades, ratio"
    rows = {}
    with engine.connect() as connection:
        for scaled in (False, True):
            sql = (
                f"SELECT {columns}, close::text FROM market.candles_of_asset('BTTC', '1d', {ALL},"
                f" scaled => {scaled})"
            )
            rows[scaled] = [tuple(row) for row in connection.execute(text(sql))]
    new = (
        Decimal("0.00000240"), Decimal(3), Decimal(70), Decimal(3), 5, Decimal(1), "0.00000240",
    )  # fmt: skip
    assert rows[False] == [
        (Decimal("0.0025"), Decimal(3), Decimal(70), Decimal(3), 5, Decimal(1000), "0.00250000"),
        new,
    ]
    assert rows[True][0][:-1] == (
        Decimal("0.0000025"), Decimal(3000), Decimal(70), Decimal(3000), 5, Decimal(1000),
    )  # fmt: skip
    assert rows[True][1] == new


def test_a_ticker_that_meant_two_assets_is_split(engine: Engine) -> None:
    store(engine, "LUNAUSDT", "2022-05-11", "2022-05-13", "2022-05-31", "2022-06-01")
    store(engine, "LUNCUSDT", "2022-09-10")
    old = [("LUNAUSDT", "2022-05-11"), ("LUNAUSDT", "2022-05-13")]
    assert joined(engine, f"'LUNA', '1d', {ALL}") == [
        ("LUNAUSDT", "2022-05-31"),
        ("LUNAUSDT", "2022-06-01"),
    ]
    assert joined(engine, f"'LUNC', '1d', {ALL}") == [*old, ("LUNCUSDT", "2022-09-10")]
    assert joined(engine, f"'terra-luna', '1d', {ALL}") == old


def test_renames_may_follow_each_other(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO market.asset_aliases VALUES"
                " ('ONE', 'TWO', '2020-01-01', 10), ('TWO', 'THREE', '2021-01-01', 0.5),"
                # A name that comes back is no loop.
                " ('THREE', 'ONE', '2022-01-01', 3)"
            )
        )
    for symbol, day in (
        ("ONEUSDT", "2019-06-01"), ("TWOUSDT", "2020-06-01"),
        ("THREEUSDT", "2021-06-01"), ("ONEUSDT", "2022-06-01"),
    ):  # fmt: skip
        store(engine, symbol, day)
    with engine.connect() as connection:
        sql = f"SELECT symbol, ratio FROM market.candles_of_asset('ONE', '1d', {ALL})"
        rows = [tuple(row) for row in connection.execute(text(sql))]
    assert rows == [
        ("ONEUSDT", Decimal(15)),
        ("TWOUSDT", Decimal("1.5")),
        ("THREEUSDT", Decimal(3)),
        ("ONEUSDT", Decimal(1)),
    ]


def test_a_redenomination_may_keep_the_name(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO market.asset_aliases VALUES ('ONE', 'ONE', '2024-03-20', 10)")
        )
    store(engine, "ONEUSDT", "2024-03-19", "2024-03-28", close="0.50")
    with engine.connect() as connection:
        sql = (
            "SELECT open_time::date::text, close"
            f" FROM market.candles_of_asset('ONE', '1d', {ALL}, scaled => true)"
        )
        rows = [tuple(row) for row in connection.execute(text(sql))]
    assert rows == [("2024-03-19", Decimal("0.05")), ("2024-03-28", Decimal("0.5"))]


def test_a_year_reads_its_chunks_alone(engine: Engine) -> None:
    store(engine, "POLUSDT", "2024-12-30")
    sql = "SELECT * FROM market.candles_of_asset('POL', '1h', '2025-01-01', '2026-01-01')"
    with engine.connect() as connection:
        plan = "\n".join(connection.execute(text(f"EXPLAIN {sql}")).scalars())
    assert "candles_1d" not in plan
    assert "candles_1h" in plan
    assert "candles_1h_2024" not in plan


def test_readers_may_ask(engine: Engine, analyst_url: str) -> None:
    reader = connect(analyst_url)
    try:
        assert joined(reader, f"'POL', '1d', {ALL}") == []
        with reader.connect() as connection:
            for table in ("gap_checks", "instrument_returns"):
                assert connection.execute(text(f"SELECT * FROM market.{table}")).all() == []
    finally:
        reader.dispose()


def test_pairs_that_trade_again_are_kept_with_their_absence(
    fresh_database: Callable[..., str],
) -> None:
    engine = connect(fresh_database())
    other = replace(LUNA, symbol="BTCUSDT", base_asset="BTC")
    try:
        with engine.begin() as connection:
            assert note_returns(connection, [LUNA, other], NOON) == []
            upsert_instruments(connection, [LUNA, other], NOON)
            away = [replace(LUNA, status="BREAK"), other]
            for day in (1, 2):
                assert note_returns(connection, away, NOON + day * DAY) == []
                upsert_instruments(connection, away, NOON + day * DAY)
            back = Return("LUNAUSDT", NOON + DAY, NOON + 20 * DAY)
            assert note_returns(connection, [LUNA, other], NOON + 20 * DAY) == [back]
            upsert_instruments(connection, [LUNA, other], NOON + 20 * DAY)
            assert note_returns(connection, [LUNA, other], NOON + 21 * DAY) == []
            sql = "SELECT symbol, left_at, returned_at FROM market.instrument_returns"
            assert [tuple(row) for row in connection.execute(text(sql))] == [back]
    finally:
        engine.dispose()
