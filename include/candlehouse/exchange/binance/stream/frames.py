"""What arrives on a combined stream, decoded once and checked whole: the hot path.

Every message becomes something; nothing that arrives raises. A price keeps the characters
in which it came.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from candlehouse.core import rules
from candlehouse.core.live.updates import BadMessage, CandleUpdate, PriceUpdate
from candlehouse.core.model import Series
from candlehouse.exchange.binance.stream.names import parse_stream_name

# Milliseconds after its end in which a candle is still spoken of: far more than an exchange
# ever stood still before it told how the last one ended.
_SPOKEN_OF_MS = 100 * 86_400_000
# Longer texts of refused messages are cut here, in characters.
LONGEST_RAW = 4000

# Fourteen digits, as for klines of the REST API; larger than any time or count is impossible.
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=10**14)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=10**18)]
_DECIMAL = r"[0-9]{1,40}+(?:\.[0-9]{1,40}+)?+"
_ONE_DECIMAL = re.compile(_DECIMAL)
# What follows the symbol in a line of a page; only one of eleven values has room for a tab.
_LINE = re.compile(
    "\t".join(("[0-9]{1,14}", *[_DECIMAL] * 5, "[0-9]{1,14}", _DECIMAL, "[0-9]{1,18}"))
    + f"\t{_DECIMAL}\t{_DECIMAL}"
)
# Found in a payload that is no JSON as well, so that it can be told whose it was.
_STREAM = re.compile(rb'"stream"\s*:\s*"([^"\\]{1,80})"')


class Shutdown(NamedTuple):
    """The server is about to close this connection."""


class Reply(NamedTuple):
    """The answer to a command; `number` is None when it says none, `error` when it is fine."""

    number: int | None
    error: str | None


Decoded: TypeAlias = CandleUpdate | PriceUpdate | BadMessage | Shutdown | Reply


class _Candle(msgspec.Struct, gc=False):
    t: _Milliseconds
    T: _Milliseconds
    s: str
    i: str
    o: str
    h: str
    l: str  # noqa: E741  # the wire's name
    c: str
    v: str
    n: _Count
    x: bool
    q: str
    V: str
    Q: str


class _Kline(msgspec.Struct, gc=False, tag_field="e", tag="kline"):
    E: _Milliseconds
    s: str
    k: _Candle


class _Ticker(msgspec.Struct, gc=False, tag_field="e", tag="24hrMiniTicker"):
    E: _Milliseconds
    s: str
    c: str
    v: str
    q: str


class _Frame(msgspec.Struct, gc=False):
    stream: str
    data: _Kline | _Ticker


class _Stream(NamedTuple):
    """What the name of a kline stream says."""

    series: Series
    symbol: str
    interval: str
    length_ms: int
    prefix: int


_decoder = msgspec.json.Decoder(_Frame)
_any_decoder = msgspec.json.Decoder()
_KINDS = ("kline", "24hrMiniTicker")
_SHUTDOWN = "serverShutdown"
# Taking a name apart for each message would cost as much as all other checks together.
# A server that invents names must not fill the memory with them.
_MOST_KNOWN = 8192
_known: dict[str, _Stream] = {}


def decode_frame(raw: bytes) -> Decoded:
    """What a message of a combined stream says; never raises.

    Args:
        raw: the message as it came, which may be anything.

    Returns:
        BadMessage for whatever is not exactly what it must be: `not_json`,
        `unknown_message` (neither an event nor a reply), `not_a_kline` (an event of another
        kind), `wrong_type` (of a field, which may be missing or out of range),
        `unknown_stream`, `stream_disagrees` (symbol or interval differ from the stream's
        name), `misaligned`, `wrong_close_time`, `not_decimal`, `event_before_open`,
        `event_long_after_close`, `closed_early`, `prices_out_of_order`, `taker_above_total`.
    """
    try:
        frame = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _decode_other(raw)
    data = frame.data
    if isinstance(data, _Kline):
        return _read_kline(raw, frame.stream, data)
    return _read_ticker(raw, frame.stream, data)


def _read_kline(raw: bytes, name: str, event: _Kline) -> CandleUpdate | BadMessage:
    stream = _known.get(name) or _learn(name)
    if stream is None:
        return _refuse(raw, rules.UNKNOWN_STREAM)
    k, event_ms = event.k, event.E
    symbol = stream.symbol
    if k.s != symbol or event.s != symbol or k.i != stream.interval:
        return _refuse(raw, rules.STREAM_DISAGREES)
    opens, closes = k.t, k.T
    line = (
        f"{symbol}\t{opens}\t{k.o}\t{k.h}\t{k.l}\t{k.c}\t{k.v}\t{closes}"
        f"\t{k.q}\t{k.n}\t{k.V}\t{k.Q}"
    )
    if opens % stream.length_ms:
        return _refuse(raw, rules.MISALIGNED)
    if closes != opens + stream.length_ms - 1:
        return _refuse(raw, rules.WRONG_CLOSE_TIME)
    if not _LINE.fullmatch(line, stream.prefix):
        return _refuse(raw, rules.NOT_DECIMAL)
    if event_ms < opens:
        return _refuse(raw, rules.EVENT_BEFORE_OPEN)
    if event_ms > closes + _SPOKEN_OF_MS:
        return _refuse(raw, rules.EVENT_LONG_AFTER_CLOSE)
    if k.x and event_ms <= closes:
        return _refuse(raw, rules.CLOSED_EARLY)
    rule = _impossible(k)
    if rule is not None:
        return _refuse(raw, rule)
    return CandleUpdate(stream.series, opens, event_ms, k.x, line)


def _impossible(k: _Candle) -> str | None:
    # A closed candle is compared exactly. For one that will change again floats are enough:
    # their rounding keeps order, so that nothing right is refused.
    number = Decimal if k.x else float
    low, high = number(k.l), number(k.h)
    if not (low <= number(k.o) <= high and low <= number(k.c) <= high):
        return rules.PRICES_OUT_OF_ORDER
    if number(k.V) > number(k.v) or number(k.Q) > number(k.q):
        return rules.TAKER_ABOVE_TOTAL
    return None


def _learn(name: str) -> _Stream | None:
    series = parse_stream_name(name)
    if not isinstance(series, Series):
        return None
    symbol, timeframe = series
    stream = _Stream(series, symbol, timeframe.value, timeframe.length_ms, len(symbol) + 1)
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[name] = stream
    return stream


def _read_ticker(raw: bytes, name: str, event: _Ticker) -> PriceUpdate | BadMessage:
    symbol = parse_stream_name(name)
    if not isinstance(symbol, str):
        return _refuse(raw, rules.UNKNOWN_STREAM if symbol is None else rules.NOT_A_KLINE)
    if event.s != symbol:
        return _refuse(raw, rules.STREAM_DISAGREES)
    if not all(map(_ONE_DECIMAL.fullmatch, (event.c, event.v, event.q))):
        return _refuse(raw, rules.NOT_DECIMAL)
    return PriceUpdate(symbol, event.E, event.c, event.v, event.q)


def _decode_other(raw: bytes) -> BadMessage | Shutdown | Reply:
    try:
        message: object = _any_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _refuse(raw, rules.NOT_JSON)
    if not isinstance(message, dict):
        return _refuse(raw, rules.UNKNOWN_MESSAGE)
    event = message.get("data", message)
    kind = event.get("e") if isinstance(event, dict) else None
    if kind == _SHUTDOWN:
        return Shutdown()
    if "stream" in message:
        return _refuse(raw, rules.WRONG_TYPE if kind in _KINDS else rules.NOT_A_KLINE)
    if message.keys() & {"result", "error", "code"}:
        return _read_reply(message)
    return _refuse(raw, rules.UNKNOWN_MESSAGE)


def _read_reply(message: dict[str, object]) -> Reply:
    number = message.get("id")
    error = message.get("error") or (message if "code" in message else None)
    return Reply(
        number if isinstance(number, int) else None, None if error is None else _words(error)
    )


def _words(error: object) -> str:
    try:
        return str(error)[:200]
    except (ValueError, RecursionError):
        # An integer of thousands of digits, or lists within lists.
        return "an error that is too large to be shown"


def _refuse(raw: bytes, rule: str) -> BadMessage:
    # A character has up to four bytes; text is made of no more than can be kept.
    text = raw[: 4 * LONGEST_RAW].decode(errors="replace")[:LONGEST_RAW]
    found = _STREAM.search(raw)
    key = parse_stream_name(found[1].decode(errors="replace")) if found else None
    return BadMessage(text, rule, key if isinstance(key, Series) else None)
