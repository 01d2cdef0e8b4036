from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.stream.names import (
    StreamKey,
    parse_stream_name,
    shard_streams,
    stream_name,
)

SYMBOLS = [f"S{number}USDT" for number in range(40)]
KEYS = st.sets(
    st.one_of(
        st.sampled_from(SYMBOLS),
        st.builds(Series, st.sampled_from(SYMBOLS), st.sampled_from(Timeframe)),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (Series("BTCUSDT", Timeframe.M1), "btcusdt@kline_1m"),
        (Series("1000SATSUSDT", Timeframe.D1), "1000satsusdt@kline_1d"),
        ("BTCUSDT", "btcusdt@miniTicker"),
        ("币安人生USDT", "币安人生usdt@miniTicker"),
    ],
)
def test_name_and_key_stand_for_each_other(key: StreamKey, name: str) -> None:
    assert stream_name(key) == name
    assert parse_stream_name(name) == key


@pytest.mark.parametrize(
    "name",
    ["", "@", "btcusdt", "btcusdt@", "btcusdt@kline_", "btcusdt@kline_1M", "btcusdt@1m",
     "btcusdt@kline_1m@+08:00", "BTCUSDT@kline_1m", "btc usdt@kline_1m", "btc\tusdt@kline_1m",
     "@kline_1m", "btcusdt@trade", "btcusdt@miniticker", "!serverShutdown",
     f"{'x' * 51}@kline_1m"],
)  # fmt: skip
def test_name_of_any_other_kind_is_none(name: str) -> None:
    assert parse_stream_name(name) is None


@given(text=st.text(max_size=20))
def test_parsed_name_is_always_the_one_that_the_key_makes(text: str) -> None:
    for name in (text, f"{text}@miniTicker", f"{text}@kline_5m"):
        key = parse_stream_name(name)
        assert key is None or stream_name(key) == name


@given(wanted=KEYS, limit=st.integers(1, 20))
def test_first_division_is_even_and_as_small_as_the_limit_allows(
    wanted: set[StreamKey], limit: int
) -> None:
    shards = shard_streams(wanted, {}, limit)

    sizes = [len(keys) for keys in shards.values()]
    assert len(shards) == -(-len(wanted) // limit)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    assert max(sizes, default=0) <= limit


@given(before=KEYS, after=KEYS, limit=st.integers(1, 20))
def test_change_divides_what_is_wanted_and_moves_nothing(
    before: set[StreamKey], after: set[StreamKey], limit: int
) -> None:
    old = shard_streams(before, {}, limit)

    new = shard_streams(after, old, limit)

    assert sorted(map(str, after)) == sorted(str(key) for keys in new.values() for key in keys)
    assert all(0 < len(keys) <= limit for keys in new.values())
    place = {key: number for number, keys in new.items() for key in keys}
    assert all(place[key] == number for number in old for key in old[number] if key in after)
    assert shard_streams(sorted(after, key=str), old, limit) == new


def test_new_symbol_touches_one_connection_only() -> None:
    old = shard_streams(SYMBOLS, {}, 15)

    new = shard_streams([*SYMBOLS, "NEWUSDT"], old, 15)

    assert sum(new[number] != old[number] for number in old) == 1


def test_number_of_a_connection_that_is_gone_is_not_used_beside_the_others() -> None:
    old = {0: frozenset[StreamKey](("A",)), 1: frozenset[StreamKey](("B",))}

    assert shard_streams(["B", "C"], old, 1) == {1: {"B"}, 2: {"C"}}
