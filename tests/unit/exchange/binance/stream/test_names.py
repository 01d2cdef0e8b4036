from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import price_channel
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.stream.names import (
    parse_stream_name,
    shard_streams,
    stream_name,
)

SYMBOLS = [f"S{number}USDT" for number in range(40)]
CHANNELS = st.sets(
    st.one_of(
        st.builds(price_channel, st.sampled_from(SYMBOLS)),
        st.builds(
            Channel, st.just("candles"), st.sampled_from(SYMBOLS), st.sampled_from(Timeframe)
        ),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        (Channel("candles", "BTCUSDT", Timeframe.M1), "btcusdt@kline_1m"),
        (Channel("candles", "1000SATSUSDT", Timeframe.D1), "1000satsusdt@kline_1d"),
        (Channel("prices", "BTCUSDT"), "btcusdt@miniTicker"),
        (Channel("prices", "币安人生USDT"), "币安人生usdt@miniTicker"),
    ],
)
def test_name_and_key_stand_for_each_other(channel: Channel, name: str) -> None:
    assert stream_name(channel) == name
    assert parse_stream_name(name) == channel


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
        channel = parse_stream_name(name)
        assert channel is None or stream_name(channel) == name


@given(wanted=CHANNELS, limit=st.integers(1, 20))
def test_first_division_is_even_and_as_small_as_the_limit_allows(
    wanted: set[Channel], limit: int
) -> None:
    shards = shard_streams(wanted, {}, limit)

    sizes = [len(channels) for channels in shards.values()]
    assert len(shards) == -(-len(wanted) // limit)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    assert max(sizes, default=0) <= limit


@given(before=CHANNELS, after=CHANNELS, limit=st.integers(1, 20))
def test_change_divides_what_is_wanted_and_moves_nothing(
    before: set[Channel], after: set[Channel], limit: int
) -> None:
    old = shard_streams(before, {}, limit)

    new = shard_streams(after, old, limit)

    assert sorted(map(str, after)) == sorted(
        str(channel) for channels in new.values() for channel in channels
    )
    assert all(0 < len(channels) <= limit for channels in new.values())
    place = {channel: number for number, channels in new.items() for channel in channels}
    assert all(
        place[channel] == number for number in old for channel in old[number] if channel in after
    )
    assert shard_streams(sorted(after, key=str), old, limit) == new


def test_new_symbol_touches_one_connection_only() -> None:
    prices = [Channel("prices", symbol) for symbol in SYMBOLS]
    old = shard_streams(prices, {}, 15)

    new = shard_streams([*prices, Channel("prices", "NEWUSDT")], old, 15)

    assert sum(new[number] != old[number] for number in old) == 1


def test_number_of_a_connection_that_is_gone_is_not_used_beside_the_others() -> None:
    a, b, c = (Channel("prices", symbol) for symbol in "ABC")
    old = {0: frozenset((a,)), 1: frozenset((b,))}

    assert shard_streams([b, c], old, 1) == {1: {b}, 2: {c}}
