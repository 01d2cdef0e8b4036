"""What a kind of stream that only this test knows needs to be received."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import UNDATED_MS, BadMessage, Update
from candlehouse.exchange.binance.stream import frames, names
from candlehouse.exchange.binance.stream.frames import decode_frame
from candlehouse.exchange.binance.stream.names import parse_stream_name, stream_name
from candlehouse.exchange.binance.stream.payloads import registry
from candlehouse.exchange.binance.stream.payloads.payload import Payload, Reader

BOOK = Channel("books", "BTCUSDT")
# As a partial order book comes: neither the event's name nor the symbol nor a time.
FRAME = b'{"stream":"btcusdt@depth5","data":{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}}'


class Book(NamedTuple):
    channel: Channel
    number: int
    bids: list[tuple[str, str]]

    @property
    def event_ms(self) -> int:
        return UNDATED_MS

    @property
    def line(self) -> str:
        return f"{self.channel.symbol}\t{self.number}"


class Sides(msgspec.Struct):
    lastUpdateId: int  # the wire's name
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Frame(msgspec.Struct):
    data: Sides


DECODER = msgspec.json.Decoder(Frame)


def make_reader(channel: Channel) -> Reader:
    def read(raw: bytes) -> Update | str:
        sides = DECODER.decode(raw).data
        return Book(channel, sides.lastUpdateId, sides.bids) if sides.bids else "empty_book"

    return read


@pytest.fixture(autouse=True)
def _books(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    payload = Payload("books", {None: "depth5"}, None, DECODER.decode, make_reader)
    monkeypatch.setitem(registry.BY_KIND, "books", payload)
    monkeypatch.setitem(names._SUFFIXES, ("books", None), "depth5")
    monkeypatch.setitem(names._BY_SUFFIX, "depth5", ("books", None))
    yield
    frames._known.clear()


def test_stream_has_its_name_and_its_channel() -> None:
    assert stream_name(BOOK) == "btcusdt@depth5"
    assert parse_stream_name("btcusdt@depth5") == BOOK


def test_message_is_known_by_the_name_of_its_stream_alone() -> None:
    for _ in range(2):
        assert decode_frame(FRAME) == Book(BOOK, 7, [("1.0", "2.0")])
    assert decode_frame(FRAME.replace(b":", b" : ")) == Book(BOOK, 7, [("1.0", "2.0")])


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"7", b'"7"', "wrong_type"),
        (b'"asks":[]', b'"asks":null', "wrong_type"),
        (b"lastUpdateId", b"id", "wrong_type"),
        (b'[["1.0","2.0"]]', b"[]", "empty_book"),
        (b"]]", b"]", "not_json"),
        (b"btcusdt@depth5", b"btcusdt@depth7", "not_a_kline"),
    ],
)
def test_message_that_is_none_is_refused(old: bytes, new: bytes, rule: str) -> None:
    refused = decode_frame(FRAME.replace(old, new))

    assert isinstance(refused, BadMessage), refused
    assert refused.rule == rule
    assert refused.series is None


def test_event_of_another_kind_on_that_stream_is_refused() -> None:
    ticker = b'{"stream":"btcusdt@depth5","data":{"e":"24hrMiniTicker","s":"BTCUSDT"}}'
    refused = decode_frame(ticker)

    assert isinstance(refused, BadMessage)
    assert (refused.rule, refused.channel) == ("wrong_type", BOOK)
