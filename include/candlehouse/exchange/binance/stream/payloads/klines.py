"""Candles: streams called `btcusdt@kline_1m`."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Literal

import msgspec

from candlehouse.core import rules
from candlehouse.core.candles.candle_rows import join_columns, make_line, match_values
from candlehouse.core.live.candle_updates import CANDLES, CandleUpdate
from candlehouse.core.live.channels import Channel
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.stream.payloads.payload import (
    Count,
    Milliseconds,
    Payload,
    Reader,
)

# Milliseconds after its end in which updates of a candle are accepted: far longer than any
# outage of the exchange after which it sent the close of the last candle.
_LATEST_MS = 100 * 86_400_000


class _Candle(msgspec.Struct, gc=False):
    t: Milliseconds
    T: Milliseconds
    s: str
    i: str
    o: str
    h: str
    l: str  # noqa: E741  # the wire's name
    c: str
    v: str
    n: Count
    x: bool
    q: str
    V: str
    Q: str


class _Event(msgspec.Struct, gc=False):
    e: Literal["kline"]
    E: Milliseconds
    s: str
    k: _Candle


class _Frame(msgspec.Struct, gc=False):
    data: _Event


_decode = msgspec.json.Decoder(_Frame).decode
# A named tuple's own constructor takes twice as long.
_make_update = partial(tuple.__new__, CandleUpdate)


def _make_reader(channel: Channel) -> Reader:
    """Reads klines of one channel.

    The reader refuses by `stream_disagrees` (symbol or interval differ from the stream's
    name), `misaligned`, `wrong_close_time`, `not_decimal`, `event_before_open`,
    `event_long_after_close`, `closed_early`, `prices_out_of_order`, `taker_above_total`.
    """
    symbol, timeframe = channel.symbol, channel.timeframe
    assert timeframe is not None, channel
    interval, length_ms = timeframe.value, timeframe.length_ms
    values_at = len(make_line(symbol, ""))

    def read(raw: bytes) -> CandleUpdate | str:
        event = _decode(raw).data
        k, event_ms = event.k, event.E
        if k.s != symbol or event.s != symbol or k.i != interval:
            return rules.STREAM_DISAGREES
        opens, closes = k.t, k.T
        line = join_columns(
            (symbol, str(opens), k.o, k.h, k.l, k.c, k.v, str(closes), k.q, str(k.n), k.V, k.Q)
        )
        if opens % length_ms:
            return rules.MISALIGNED
        if closes != opens + length_ms - 1:
            return rules.WRONG_CLOSE_TIME
        if not match_values(line, values_at):
            return rules.NOT_DECIMAL
        if event_ms < opens:
            return rules.EVENT_BEFORE_OPEN
        if event_ms > closes + _LATEST_MS:
            return rules.EVENT_LONG_AFTER_CLOSE
        if k.x and event_ms <= closes:
            return rules.CLOSED_EARLY
        rule = _find_impossible(k)
        return rule or _make_update((channel, opens, event_ms, k.x, line))

    return read


def _find_impossible(k: _Candle) -> str | None:
    # A closed candle is compared exactly. For a forming candle floats are sufficient, because
    # rounding keeps the order, so that valid values are not refused.
    number = Decimal if k.x else float
    low, high = number(k.l), number(k.h)
    if not (low <= number(k.o) <= high and low <= number(k.c) <= high):
        return rules.PRICES_OUT_OF_ORDER
    if number(k.V) > number(k.v) or number(k.Q) > number(k.q):
        return rules.TAKER_ABOVE_TOTAL
    return None


KLINES = Payload(
    CANDLES,
    {timeframe: f"kline_{timeframe.value}" for timeframe in Timeframe},
    "kline",
    _decode,
    _make_reader,
)
