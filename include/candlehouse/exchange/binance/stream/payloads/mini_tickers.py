"""Last prices: streams called `btcusdt@miniTicker`."""

from __future__ import annotations

from typing import Literal

import msgspec

from candlehouse.core import rules
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import PRICES, PriceUpdate
from candlehouse.exchange.binance.stream.payloads.payload import (
    ONE_DECIMAL,
    Milliseconds,
    Payload,
    Reader,
)


class _Event(msgspec.Struct, gc=False):
    e: Literal["24hrMiniTicker"]
    E: Milliseconds
    s: str
    c: str
    v: str
    q: str


class _Frame(msgspec.Struct, gc=False):
    data: _Event


_decode = msgspec.json.Decoder(_Frame).decode


def _make_reader(channel: Channel) -> Reader:
    """Reads prices of one channel; refuses by `stream_disagrees` and `not_decimal`."""
    symbol = channel.symbol
    is_decimal = ONE_DECIMAL.fullmatch

    def read(raw: bytes) -> PriceUpdate | str:
        event = _decode(raw).data
        if event.s != symbol:
            return rules.STREAM_DISAGREES
        if not (is_decimal(event.c) and is_decimal(event.v) and is_decimal(event.q)):
            return rules.NOT_DECIMAL
        return PriceUpdate(channel, event.E, event.c, event.v, event.q)

    return read


MINI_TICKERS = Payload(PRICES, {None: "miniTicker"}, "24hrMiniTicker", _decode, _make_reader)
