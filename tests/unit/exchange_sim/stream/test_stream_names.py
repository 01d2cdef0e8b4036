"""What the names of streams mean."""

import pytest

from exchange_sim.klines.intervals import INTERVALS
from exchange_sim.websocket.names import StreamName, parse_name, split_names


@pytest.mark.parametrize("interval", INTERVALS)
def test_candles_are_named_by_symbol_and_interval(interval: str) -> None:
    text = f"1000satsusdt@kline_{interval}"
    assert parse_name(text) == StreamName(text, "kline", "1000SATSUSDT", interval)


def test_tickers_are_of_one_symbol_or_of_all() -> None:
    assert parse_name("btcusdt@miniTicker") == StreamName(
        "btcusdt@miniTicker", "miniTicker", "BTCUSDT"
    )
    assert parse_name("!miniTicker@arr") == StreamName("!miniTicker@arr", "!miniTicker@arr")


@pytest.mark.parametrize(
    "text",
    ["", "btcusdt", "@kline_1m", "BTCUSDT@kline_1m", "btcusdt@kline_", "btcusdt@kline_7m",
     "btcusdt@kline_1H", "btcusdt@1m", "btcusdt@miniticker", "btcusdt@trade", "btc-usdt@kline_1m"],
)  # fmt: skip
def test_other_names_never_send_anything(text: str) -> None:
    assert parse_name(text) == StreamName(text)


def test_names_between_slashes_keep_their_order_and_come_once() -> None:
    assert split_names("/b/a//b/c/") == ["b", "a", "c"]
    assert split_names("") == []
