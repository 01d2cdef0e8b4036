"""Longer candles out of stored ones, against the same computed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.engine import connect
from support.data.candle_rows import store_closes

# A Friday.
T0 = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def store(
    engine: Engine, timeframe: Timeframe, first: datetime, count: int, holes: tuple[int, ...] = ()
) -> None:
    random = Random(count)
    closes = [
        (first + n * timeframe.length, f"{random.uniform(1, 9):.8f}", f"{random.uniform(0, 1):.8f}")
        for n in range(count)
        if n not in holes
    ]
    store_closes(engine, Series("BTCUSDT", timeframe), closes)


def resample(
    engine: Engine, target: str, first: datetime, end: datetime, more: str = ""
) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM market.resample('BTCUSDT', '{target}', :first, :end{more})"
    with engine.connect() as connection:
        rows = connection.execute(text(sql), {"first": first, "end": end}).mappings()
        return [dict(row) for row in rows]


def by_hand(engine: Engine, table: str, low: datetime, high: datetime) -> dict[str, Any]:
    sql = f"SELECT * FROM market.{table} WHERE open_time >= :low AND open_time < :high ORDER BY 2"
    with engine.connect() as connection:
        parts = connection.execute(text(sql), {"low": low, "high": high}).mappings().all()
    sums = ("volume", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
    return {
        "open_time": low,
        "open": parts[0]["open"],
        "high": max(part["high"] for part in parts),
        "low": min(part["low"] for part in parts),
        "close": parts[-1]["close"],
        **{name: sum(part[name] for part in parts) for name in sums},
        "candles": len(parts),
    }


def test_rows_are_exact_and_say_what_they_are_made_of(engine: Engine) -> None:
    store(engine, Timeframe.M5, T0, 100, holes=(3, 30, 31, *range(72, 96)))
    rows = resample(engine, "2h", T0, T0 + DAY)
    assert [(row["open_time"] - T0) / HOUR for row in rows] == [0, 2, 4, 8]
    assert [(row["candles"], row["expected"]) for row in rows] == [
        (23, 24), (22, 24), (24, 24), (4, 24),
    ]  # fmt: skip
    for row in rows:
        end = row["open_time"] + 2 * HOUR
        wanted = by_hand(engine, "candles_5m", row["open_time"], end)
        assert {name: row[name] for name in wanted} == wanted
        assert isinstance(row["volume"], Decimal)
        assert row["source_timeframe"] == "5m"


def test_rows_are_those_that_open_in_the_range_and_are_whole(engine: Engine) -> None:
    store(engine, Timeframe.M5, T0, 288)
    rows = resample(engine, "2h", T0 + HOUR, T0 + 5 * HOUR)
    assert [((row["open_time"] - T0) / HOUR, row["candles"]) for row in rows] == [(2, 24), (4, 24)]
    assert len(resample(engine, "2h", T0 - 99 * DAY, T0 + 99 * DAY)) == 12
    unbounded = "SELECT count(*) FROM market.resample('BTCUSDT', '2h', '-infinity', 'infinity')"
    with engine.connect() as connection:
        assert connection.execute(text(unbounded)).scalar() == 12


def test_weeks_begin_on_a_monday(engine: Engine) -> None:
    store(engine, Timeframe.D1, T0, 20)
    rows = resample(engine, "1 week", T0 - 9 * DAY, T0 + 30 * DAY)
    assert [(row["open_time"].isoweekday(), row["candles"]) for row in rows] == [
        (1, 3), (1, 7), (1, 7), (1, 3),
    ]  # fmt: skip
    assert rows[0]["open_time"] == T0 - 4 * DAY


def test_the_longest_timeframe_that_divides_is_taken_unless_one_is_named(engine: Engine) -> None:
    store(engine, Timeframe.M5, T0, 100)
    store(engine, Timeframe.H1, T0, 8)
    for target, more, source in (
        ("2h", "", "1h"), ("90m", "", "5m"), ("2h", ", '5m'", "5m"), ("1h", "", "1h"),
    ):  # fmt: skip
        rows = resample(engine, target, T0, T0 + HOUR, more)
        assert [row["source_timeframe"] for row in rows] == [source]


@pytest.mark.parametrize(
    ("target", "more", "message"),
    [
        ("7m", "", "candles of 00:07:00 are not made of whole ones of 5m"),
        ("90m", ", '1h'", "candles of 01:30:00 are not made of whole ones of 1h"),
        ("30s", ", '1m'", "candles of 00:00:30 are not made of whole ones of 1m"),
        ("1 month", "", "candles of 1 mon cannot be made: it has no fixed length above 0"),
        ("-2h", "", "candles of -02:00:00 cannot be made"),
        ("0", "", "cannot be made"),
        ("2h", ", '2h'", "'2h' is no timeframe: one of 1m, 5m"),
    ],
)
def test_what_cannot_be_made_is_said(engine: Engine, target: str, more: str, message: str) -> None:
    store(engine, Timeframe.M5, T0, 3)
    with pytest.raises(Exception, match=message):
        resample(engine, target, T0, T0 + DAY, more)


def test_nothing_is_made_of_nothing(engine: Engine) -> None:
    assert resample(engine, "2h", T0, T0 + DAY) == []


def test_two_candles_in_a_slot_count_once_and_unknown_parts_make_unknown_sums(
    engine: Engine,
) -> None:
    rows = [(T0, "1", "1"), (T0 + HOUR, "2", "1"), (T0 + 1.4 * HOUR, "3", "1")]
    store_closes(engine, Series("BTCUSDT", Timeframe.H1), rows)
    [row] = resample(engine, "2h", T0, T0 + DAY)
    assert (row["candles"], row["expected"], row["close"], row["volume"]) == (2, 2, 3, 3)
    with engine.begin() as connection:
        update = "UPDATE market.candles_1h SET trades = NULL WHERE open_time = :opens"
        connection.execute(text(update), {"opens": T0})
    [row] = resample(engine, "2h", T0, T0 + DAY)
    assert (row["trades"], row["quote_volume"]) == (None, 210)
