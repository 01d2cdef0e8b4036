"""Subscribing, payloads and commands, over a real socket."""

import json
from typing import Any

import pytest

KLINE_FIELDS = ["t", "T", "s", "i", "f", "L", "o", "c", "h", "l", "v", "n", "x", "q", "V", "Q", "B"]
TICKER_FIELDS = ["e", "E", "s", "c", "o", "h", "l", "v", "q"]


def test_a_raw_stream_sends_a_candle_with_every_field_in_binances_order(
    exchange: Any, listen: Any
) -> None:
    stream = listen("/ws/btcusdt@kline_5m")
    now = exchange.set_clock(advance_ms=1000)
    event = stream.next()
    assert list(event) == ["e", "E", "s", "k"]
    assert (event["e"], event["E"], event["s"]) == ("kline", now, "BTCUSDT")
    candle = event["k"]
    assert list(candle) == KLINE_FIELDS
    assert (candle["s"], candle["i"], candle["x"], candle["B"]) == ("BTCUSDT", "5m", False, "0")
    assert candle["L"] - candle["f"] + 1 == candle["n"] > 0


def test_combined_streams_come_with_their_names(exchange: Any, listen: Any) -> None:
    names = ["btcusdt@kline_1m", "ethusdt@kline_1h", "bnbusdt@miniTicker"]
    stream = listen("/stream?streams=" + "/".join(names))
    exchange.set_clock(advance_ms=1000)
    found = stream.rest()
    assert [list(message) for message in found] == [["stream", "data"]] * 3
    assert [message["stream"] for message in found] == names
    assert [message["data"]["s"] for message in found] == ["BTCUSDT", "ETHUSDT", "BNBUSDT"]


def test_several_raw_streams_share_one_connection(exchange: Any, listen: Any) -> None:
    stream = listen("/ws/btcusdt@kline_1m/ethusdt@kline_1m")
    exchange.set_clock(advance_ms=1000)
    assert [message["s"] for message in stream.rest()] == ["BTCUSDT", "ETHUSDT"]


def test_the_upgrade_says_which_market_answers(exchange: Any, listen: Any) -> None:
    headers = listen("/ws").socket.response.headers
    assert headers["X-Exchange-Sim-Market"] == exchange.market_id
    assert "Sec-WebSocket-Extensions" not in headers


def test_a_mini_ticker_shows_what_rest_does_of_the_last_day(
    exchange: Any, listen: Any, get: Any
) -> None:
    stream = listen("/ws/btcusdt@miniTicker")
    exchange.set_clock(advance_ms=1000)
    event = stream.next()
    assert list(event) == TICKER_FIELDS
    row = get("/api/v3/ticker/24hr", symbol="BTCUSDT", type="MINI").json
    names = {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume",
             "q": "quoteVolume"}  # fmt: skip
    assert {key: event[key] for key in names} == {key: row[name] for key, name in names.items()}


def test_all_mini_tickers_hold_only_what_changed(exchange: Any, listen: Any) -> None:
    stream = listen("/ws/!miniTicker@arr")
    exchange.set_clock(advance_ms=1000)
    everybody = stream.next()
    assert len(everybody) > 60
    assert all(list(ticker) == TICKER_FIELDS for ticker in everybody)
    exchange.set_clock(advance_ms=1)
    changed = [ticker["s"] for message in stream.rest() for ticker in message]
    assert len(changed) < len(everybody)


@pytest.mark.parametrize("unit", ["MICROSECOND", "microsecond"])
def test_times_come_in_microseconds_on_demand(exchange: Any, listen: Any, unit: str) -> None:
    path = f"/stream?streams=btcusdt@kline_1m/btcusdt@miniTicker&timeUnit={unit}"
    fine, plain = listen(path), listen("/ws/btcusdt@kline_1m")
    now = exchange.set_clock(advance_ms=1000)
    kline, ticker = (message["data"] for message in fine.rest())
    assert kline["E"] == ticker["E"] == now * 1000
    usual = plain.next()["k"]
    assert kline["k"]["t"] == usual["t"] * 1000
    assert kline["k"]["T"] == usual["T"] * 1000 + 999
    assert {**kline["k"], "t": 0, "T": 0} == {**usual, "t": 0, "T": 0}


def test_subscriptions_begin_end_and_are_listed(exchange: Any, listen: Any) -> None:
    stream = listen("/ws")
    both = ["btcusdt@kline_1m", "ethusdt@kline_1m"]
    assert stream.ask("SUBSCRIBE", *both, number=7) == {"result": None, "id": 7}
    assert stream.ask("LIST_SUBSCRIPTIONS", number="a-1") == {"result": both, "id": "a-1"}
    assert stream.ask("UNSUBSCRIBE", both[0], "never@heard", number=None) == {
        "result": None,
        "id": None,
    }
    exchange.set_clock(advance_ms=1000)
    assert [message["s"] for message in stream.rest()] == ["ETHUSDT"]
    assert stream.ask("LIST_SUBSCRIPTIONS", number=9) == {"result": both[1:], "id": 9}


def test_subscribing_twice_sends_once(exchange: Any, listen: Any) -> None:
    stream = listen("/ws/btcusdt@kline_1m/btcusdt@kline_1m")
    stream.ask("SUBSCRIBE", "btcusdt@kline_1m")
    exchange.set_clock(advance_ms=1000)
    assert len(stream.rest()) == 1
    assert stream.row["streams"] == 1


def test_the_combined_property_is_read_and_set(exchange: Any, listen: Any) -> None:
    stream = listen("/stream")
    assert stream.ask("GET_PROPERTY", "combined")["result"] is True
    assert stream.ask("SET_PROPERTY", "combined", False) == {"result": None, "id": 1}
    assert stream.ask("SUBSCRIBE", "btcusdt@kline_1m")["result"] is None
    exchange.set_clock(advance_ms=1000)
    assert stream.next()["e"] == "kline"
    assert listen("/ws").ask("GET_PROPERTY", "combined")["result"] is False


def test_unknown_streams_are_acknowledged_and_stay_silent(exchange: Any, listen: Any) -> None:
    stream = listen("/ws/nosuchusdt@kline_1m/BTCUSDT@kline_1m")
    answer = stream.ask("SUBSCRIBE", "btcusdt@kline_7m", "nonsense", "nosuchusdt@miniTicker")
    assert answer == {"result": None, "id": 1}
    exchange.set_clock(advance_ms=120_000)
    assert stream.rest() == []
    assert stream.row["streams"] == 5


def test_a_refused_command_leaves_the_connection_open(exchange: Any, listen: Any) -> None:
    stream = listen("/ws")
    assert stream.say("{")["code"] == 3
    assert stream.ask("HELLO", number=5) == {
        "code": 2,
        "msg": "Invalid request: unknown variant `HELLO`, expected one of `SUBSCRIBE`, "
        "`UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`",
        "id": 5,
    }
    assert stream.ask("SET_PROPERTY", "combined", "yes")["code"] == 1
    assert stream.ask("GET_PROPERTY", "colour")["code"] == 0


def test_a_message_is_the_same_for_every_listener(exchange: Any, listen: Any) -> None:
    first, second = listen("/ws/btcusdt@kline_1m"), listen("/ws/btcusdt@kline_1m")
    exchange.set_clock(advance_ms=180_000)
    assert first.rest_frames() == second.rest_frames() != []


def test_a_plain_request_or_a_wrong_unit_is_a_400(get: Any) -> None:
    assert get("/ws").status == 400
    assert json.loads(get("/stream", timeUnit="DAY").body)["code"] == -1194
