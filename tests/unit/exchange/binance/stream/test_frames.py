from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.live.price_updates import PriceUpdate, price_channel
from candlehouse.core.live.updates import BadMessage
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.stream.frames import LONGEST_RAW, Reply, Shutdown, decode_frame
from support.exchanges.scripted_stream import SHUTDOWN, START_MS, kline, ticker

BTC = Series("BTCUSDT", Timeframe.M1)
VALID = kline(BTC)


def changed(frame: bytes = VALID, **items: object) -> bytes:
    """The frame with items of its data, or of the frame when they are called `frame_...`."""
    message = json.loads(frame)
    for name, value in items.items():
        target, item = (
            (message, name.removeprefix("frame_"))
            if name.startswith("frame_")
            else (message["data"], name)
        )
        target[item] = value
    return json.dumps(message).encode()


def without(name: str) -> bytes:
    message = json.loads(VALID)
    del message["data"]["k"][name]
    return json.dumps(message).encode()


def test_candle_keeps_every_digit_in_the_order_of_a_page() -> None:
    assert decode_frame(VALID) == CandleUpdate(
        channel=candle_channel(BTC),
        open_ms=START_MS,
        event_ms=START_MS + 1000,
        closed=False,
        line=f"BTCUSDT\t{START_MS}\t42283.58000000\t42298.62000000\t42261.02000000\t42298.61000000"
        f"\t35.92724000\t{START_MS + 59_999}\t1519032.43715310\t1327\t23.18766000\t980394.79466920",
    )


@pytest.mark.parametrize("timeframe", Timeframe)
def test_closed_candle_of_every_timeframe_is_said_to_be(timeframe: Timeframe) -> None:
    update = decode_frame(kline(Series("1000SATSUSDT", timeframe), 3, closed=True))

    assert isinstance(update, CandleUpdate)
    assert update.series == Series("1000SATSUSDT", timeframe)
    assert update.closed


def test_candle_without_trades_is_valid() -> None:
    flat = dict.fromkeys("ohlc", "1.00000000")
    none = dict.fromkeys("vqVQ", "0.00000000")

    update = decode_frame(kline(BTC, closed=True, n=0, f=-1, L=-1, **flat, **none))

    assert isinstance(update, CandleUpdate)


def test_price_keeps_every_digit() -> None:
    assert decode_frame(ticker("BTCUSDT")) == PriceUpdate(
        price_channel("BTCUSDT"), START_MS, "42298.61000000", "1000.00000000", "42000000.00000000"
    )


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (b"", "not_json"),
        (VALID[:-1], "not_json"),
        (VALID + b"}", "not_json"),
        (VALID.replace(b"kline_1m", b"kline_1\xff"), "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"null", "unknown_message"),
        (b"[]", "unknown_message"),
        (b"{}", "unknown_message"),
        (b'{"e":"kline"}', "unknown_message"),
        (changed(frame_data=None), "not_a_kline"),
        (changed(frame_data=[1]), "not_a_kline"),
        (changed(e="trade"), "not_a_kline"),
        (changed(e=["kline"]), "not_a_kline"),
        (changed(frame_stream=1), "wrong_type"),
        (changed(k=None), "wrong_type"),
        (changed(E="1"), "wrong_type"),
        (changed(E=1.5), "wrong_type"),
        (changed(E=True), "wrong_type"),
        (changed(E=10**14), "wrong_type"),
        (changed(E=-1), "wrong_type"),
        (without("n"), "wrong_type"),
        (without("Q"), "wrong_type"),
        (kline(BTC, o=42283.58), "wrong_type"),
        (kline(BTC, x=0), "wrong_type"),
        (kline(BTC, n="1327"), "wrong_type"),
        (kline(BTC, n=-1), "wrong_type"),
        (kline(BTC, n=10**18), "wrong_type"),
        (kline(BTC, t=10**30), "wrong_type"),
        (VALID.replace(b":1327,", b":" + b"9" * 4500 + b","), "not_json"),
        (changed(frame_stream="btcusdt@kline_1M"), "unknown_stream"),
        (changed(frame_stream="BTCUSDT@kline_1m"), "unknown_stream"),
        (changed(frame_stream="btcusdt@miniTicker"), "unknown_stream"),
        (changed(frame_stream="ethusdt@kline_1m"), "stream_disagrees"),
        (changed(frame_stream="btcusdt@kline_5m"), "stream_disagrees"),
        (changed(s="ETHUSDT"), "stream_disagrees"),
        (kline(BTC, s="ETHUSDT"), "stream_disagrees"),
        (kline(BTC, i="5m"), "stream_disagrees"),
        (kline(BTC, t=START_MS + 1, T=START_MS + 60_000), "misaligned"),
        (kline(BTC, T=START_MS + 60_000), "wrong_close_time"),
        (kline(BTC, T=START_MS), "wrong_close_time"),
        (kline(BTC, o="4.2e4"), "not_decimal"),
        (kline(BTC, v="-1.0"), "not_decimal"),
        (kline(BTC, v="+1.0"), "not_decimal"),
        (kline(BTC, c="42298."), "not_decimal"),
        (kline(BTC, c=".5"), "not_decimal"),
        (kline(BTC, c=""), "not_decimal"),
        (kline(BTC, c=" 1"), "not_decimal"),
        (kline(BTC, c="NaN"), "not_decimal"),
        (kline(BTC, c="42298.61\n"), "not_decimal"),
        (kline(BTC, Q="1\n2"), "not_decimal"),
        (kline(BTC, c="4\t5"), "not_decimal"),
        (kline(BTC, c="٤٢٢٩٨"), "not_decimal"),
        (kline(BTC, c="1" * 41), "not_decimal"),
        (changed(E=START_MS - 1), "event_before_open"),
        (changed(E=START_MS + 60_000 + 100 * 86_400_000), "event_long_after_close"),
        (kline(BTC, x=True), "closed_early"),
        (changed(kline(BTC, closed=True), E=START_MS + 59_999), "closed_early"),
        (kline(BTC, l="42283.59"), "prices_out_of_order"),
        (kline(BTC, h="42298.60"), "prices_out_of_order"),
        (kline(BTC, o="42298.63"), "prices_out_of_order"),
        (kline(BTC, c="1"), "prices_out_of_order"),
        (kline(BTC, V="36"), "taker_above_total"),
        (kline(BTC, Q="1519032.43715311"), "taker_above_total"),
        (changed(ticker("BTCUSDT"), s="ETHUSDT"), "stream_disagrees"),
        (changed(ticker("BTCUSDT"), c="1e3"), "not_decimal"),
        (changed(ticker("BTCUSDT"), q=""), "not_decimal"),
        (changed(ticker("BTCUSDT"), v=1), "wrong_type"),
        (changed(ticker("BTCUSDT"), frame_stream="btcusdt@kline_1m"), "not_a_kline"),
        (changed(ticker("BTCUSDT"), frame_stream="btcusdt@ticker"), "unknown_stream"),
    ],
)  # fmt: skip
def test_message_that_breaks_a_rule_is_refused_by_its_name(frame: bytes, rule: str) -> None:
    message = decode_frame(frame)

    assert isinstance(message, BadMessage), message
    assert message.rule == rule


def test_closed_candle_is_compared_exactly_where_floats_see_no_difference() -> None:
    high, above = "9007199254740992.00000001", "9007199254740992.00000002"
    prices = {"o": above, "h": high, "l": "1", "c": "1"}

    assert isinstance(decode_frame(kline(BTC, **prices)), CandleUpdate)
    refused = decode_frame(kline(BTC, closed=True, **prices))

    assert isinstance(refused, BadMessage)
    assert refused.rule == "prices_out_of_order"


def test_refused_message_names_its_series_even_when_it_is_no_json() -> None:
    message = decode_frame(VALID[:60])

    assert isinstance(message, BadMessage)
    assert message == BadMessage(VALID[:60].decode(), "not_json", candle_channel(BTC))


@pytest.mark.parametrize("name", ["btcusdt@miniTicker", "nonsense", "btcusdt@kline_9m", "é@x"])
def test_refused_message_of_no_known_series_names_none(name: str) -> None:
    message = decode_frame(changed(frame_stream=name, e="?"))

    assert isinstance(message, BadMessage)
    assert message.series is None


def test_raw_text_is_cut_and_undecodable_bytes_are_replaced() -> None:
    message = decode_frame(b"\xff" + b"x" * 10_000)

    assert isinstance(message, BadMessage)
    assert message.raw == "�" + "x" * (LONGEST_RAW - 1)


@pytest.mark.parametrize(
    "frame", [SHUTDOWN, b'{"e":"serverShutdown","E":1704067200000}', b'{"e":"serverShutdown"}']
)
def test_shutdown_is_understood_raw_and_combined(frame: bytes) -> None:
    assert decode_frame(frame) == Shutdown()


@pytest.mark.parametrize(
    ("frame", "number", "is_error"),
    [
        (b'{"result":null,"id":7}', 7, False),
        (b'{"result":["btcusdt@kline_1m"],"id":1}', 1, False),
        (b'{"code":2,"msg":"Invalid request","id":3}', 3, True),
        (b'{"code":3,"msg":"Invalid JSON"}', None, True),
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":4}', 4, True),
        (b'{"result":null,"id":"x"}', None, False),
    ],
)
def test_reply_says_its_number_and_its_error(
    frame: bytes, number: int | None, is_error: bool
) -> None:
    reply = decode_frame(frame)

    assert isinstance(reply, Reply)
    assert reply.number == number
    assert (reply.error is not None) == is_error


# As the exchange sent them; more are read from the files of the folder, when there is one.
RECORDED = [
    b'{"stream":"nknusdt@kline_1m","data":{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{'
    b'"t":1633998480000,"T":1633998539999,"s":"NKNUSDT","i":"1m","f":19862761,"L":19862790,'
    b'"o":"0.35270000","c":"0.35280000","h":"0.35280000","l":"0.35220000","v":"25877.00000000",'
    b'"n":30,"x":false,"q":"9116.04600000","V":"58.00000000","Q":"20.46240000","B":"0"}}}',
    b'{"stream":"lrcbtc@kline_1m","data":{"e":"kline","E":1633998534486,"s":"LRCBTC","k":{'
    b'"t":1633998480000,"T":1633998539999,"s":"LRCBTC","i":"1m","f":12368013,"L":12368013,'
    b'"o":"0.00000638","c":"0.00000638","h":"0.00000638","l":"0.00000638","v":"177.00000000",'
    b'"n":1,"x":false,"q":"0.00112926","V":"177.00000000","Q":"0.00112926","B":"0"}}}',
]
RECORDINGS = os.environ.get("CANDLEHOUSE_STREAM_RECORDINGS")


def read_recordings(folder: str) -> list[bytes]:
    lines = [
        line.partition(b": ")[2]
        for file in sorted(Path(folder).glob("*ws*"))
        for line in file.read_bytes().splitlines()
    ]
    return [line for line in lines if b"@kline_" in line[:40] and line.endswith(b"}")]


def check_recorded(frame: bytes) -> None:
    update = decode_frame(frame)
    assert isinstance(update, CandleUpdate), update
    k = json.loads(frame)["data"]["k"]
    items = [k["s"], k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["n"]]
    assert update.line == "\t".join(map(str, [*items, k["V"], k["Q"]]))


@pytest.mark.parametrize("frame", RECORDED)
def test_recorded_message_is_valid(frame: bytes) -> None:
    check_recorded(frame)


@pytest.mark.skipif(not RECORDINGS, reason="CANDLEHOUSE_STREAM_RECORDINGS names no folder")
def test_all_recorded_messages_are_valid() -> None:
    frames = read_recordings(RECORDINGS or "")
    assert frames
    for frame in frames:
        check_recorded(frame)


SEEDS = [
    VALID,
    kline(BTC, closed=True),
    ticker("BTCUSDT"),
    SHUTDOWN,
    b'{"result":null,"id":1}',
    *RECORDED,
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(data=st.data())
@settings(max_examples=500)
def test_no_bytes_raise_and_no_line_is_broken(data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(frame)))
        end = data.draw(st.integers(start, min(start + 8, len(frame))))
        frame[start:end] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"-", b"e5", b"\\t", b"\\n", b"null", b'"'])
        )

    check(decode_frame(bytes(frame)))


@given(name=st.sampled_from("tTsiohlcvnxqVQEk"), value=JSON)
@settings(max_examples=500)
def test_no_value_of_any_item_raises(name: str, value: Any) -> None:
    frame = changed(**{name: value}) if name in "Ek" else kline(BTC, **{name: value})

    check(decode_frame(frame))


@given(raw=st.binary(max_size=60))
def test_arbitrary_bytes_are_never_taken_for_data(raw: bytes) -> None:
    assert not isinstance(decode_frame(raw), (CandleUpdate, PriceUpdate))


def check(message: object) -> None:
    """Whatever was accepted is a line of twelve items that a database can take as it is."""
    if isinstance(message, BadMessage):
        assert message.rule.isidentifier()
        assert len(message.raw) <= LONGEST_RAW
    if isinstance(message, CandleUpdate):
        items = message.line.split("\t")
        assert len(items) == 12
        assert all(item.replace(".", "", 1).isascii() for item in items[1:])
        assert all(item.replace(".", "", 1).isdigit() for item in items[1:])
        assert items[0] == message.series.symbol
        assert int(items[1]) == message.open_ms <= message.event_ms


@pytest.mark.parametrize("depth", range(900, 1000, 3))
def test_reply_whose_error_is_deeply_nested_is_a_reply_or_none(depth: int) -> None:
    # Somewhere there lies what can still be decoded and not be written out.
    message = decode_frame(b'{"id":1,"error":' + b"[" * depth + b"]" * depth + b"}")
    assert isinstance(message, Reply | BadMessage)
