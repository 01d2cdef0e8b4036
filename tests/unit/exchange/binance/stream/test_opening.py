from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.live.channels import Channel
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.stream.names import stream_name
from candlehouse.exchange.binance.stream.opening import check_stream_url, fit_into_url

BASE = "wss://stream.binance.com:9443"
CHANNELS = [Channel("candles", f"S{number:03}USDT", Timeframe.M1) for number in range(300)]


def test_url_names_as_many_streams_as_fit() -> None:
    url, taken = fit_into_url(BASE, CHANNELS, 1000)

    names = parse_qs(urlsplit(url).query)["streams"][0].split("/")
    assert 980 < len(url) <= 1000
    assert names == [stream_name(channel) for channel in CHANNELS[: len(names)]]
    assert taken == set(CHANNELS[: len(names)])


def test_url_names_one_stream_in_any_case() -> None:
    url, taken = fit_into_url(f"{BASE}/", CHANNELS, 1)

    assert url == f"{BASE}/stream?streams=s000usdt@kline_1m"
    assert taken == {CHANNELS[0]}


def test_url_is_ascii_whatever_a_symbol_is_called() -> None:
    url, _ = fit_into_url(BASE, [Channel("prices", "币安人生USDT")], 1000)

    assert url.isascii()
    assert parse_qs(urlsplit(url).query)["streams"] == ["币安人生usdt@miniTicker"]


@pytest.mark.parametrize("url", [BASE, f"{BASE}/", "ws://127.0.0.1:1", "wss://u:p@host"])
def test_base_of_websockets_is_accepted(url: str) -> None:
    check_stream_url(url)


@pytest.mark.parametrize(
    "url",
    ["", "http://h", "ws://", "ws://h/ws", "ws://h?x=1", "ws://h#x", "ws://h:99999", "ws://h:0",
     "ws://[::1"],
)  # fmt: skip
def test_anything_else_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="BINANCE_STREAM_URL is not allowed"):
        check_stream_url(url)
