"""Decodes and validates messages of a combined stream: the hot path.

Every message has a result; no input raises. A price keeps the characters in which it came. The
contents of each kind of stream are in `payloads`.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

import msgspec

from candlehouse.core import rules
from candlehouse.core.live.candle_updates import CANDLES
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import BadMessage, Update
from candlehouse.exchange.binance.stream.names import parse_stream_name
from candlehouse.exchange.binance.stream.payloads.payload import Payload, Reader
from candlehouse.exchange.binance.stream.payloads.registry import BY_EVENT, BY_KIND

# Longest text kept of a refused message, in characters.
LONGEST_RAW = 4000

# Also finds the stream's name in a text that is not JSON.
_STREAM = re.compile(rb'"stream"\s*:\s*"([^"\\]{1,80})"')


class Shutdown(NamedTuple):
    """The server's announcement that it closes this connection."""


class Reply(NamedTuple):
    """The reply to a command; `number` is None when missing, `error` is None on success."""

    number: int | None
    error: str | None


Decoded: TypeAlias = Update | BadMessage | Shutdown | Reply


class _Named(msgspec.Struct, gc=False):
    stream: str


_FAILURES = (msgspec.MsgspecError, UnicodeError, RecursionError)
_SHUTDOWN = "serverShutdown"
_name_decoder = msgspec.json.Decoder(_Named)
_any_decoder = msgspec.json.Decoder()

# Readers by the first bytes of a stream's messages, up to the end of its name. Taking a name
# apart for each message would cost as much as all other checks together.
_known: dict[bytes, Reader] = {}
_OPENING = b'{"stream":"'
_NAME_AT = len(_OPENING)
# Bounded, so that a server that invents names cannot fill the memory.
_MOST_KNOWN = 8192


def decode_frame(raw: bytes) -> Decoded:
    """Decodes a message of a combined stream; never raises.

    Args:
        raw: the message as received, which may be anything.

    Returns:
        BadMessage for every invalid message, with the rule `not_json`,
        `unknown_message` (neither an event nor a reply), `not_a_kline` (an event of another
        kind), `wrong_type` (of a field, which may be missing or out of range),
        `unknown_stream`, or a rule of the payload's reader.
    """
    read = _known.get(raw[: raw.find(b'"', _NAME_AT)]) or _find_reader(raw)
    if read is None:
        return _decode_other(raw)
    try:
        found = read(raw)
    except _FAILURES:
        return _decode_other(raw)
    return _refuse(raw, found) if isinstance(found, str) else found


def _find_reader(raw: bytes) -> Reader | None:
    """The reader for a message in another notation, or of a new stream."""
    try:
        name = _name_decoder.decode(raw).stream
    except _FAILURES:
        return None
    channel = parse_stream_name(name)
    if channel is None:
        return None
    opening = _OPENING + name.encode()
    if opening not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[opening] = BY_KIND[channel.kind].make_reader(channel)
    return _known[opening]


def _decode_other(raw: bytes) -> BadMessage | Shutdown | Reply:
    """Decodes a message that is not an event of the stream that it names."""
    try:
        message: object = _any_decoder.decode(raw)
    except _FAILURES:
        return _refuse(raw, rules.NOT_JSON)
    if not isinstance(message, dict):
        return _refuse(raw, rules.UNKNOWN_MESSAGE)
    data = message.get("data", message)
    event = data.get("e") if isinstance(data, dict) else None
    if event == _SHUTDOWN:
        return Shutdown()
    if "stream" in message:
        return _refuse(raw, _find_rule(raw, message["stream"], event))
    if message.keys() & {"result", "error", "code"}:
        return _read_reply(message)
    return _refuse(raw, rules.UNKNOWN_MESSAGE)


def _find_rule(raw: bytes, name: object, event: object) -> str:
    """Which rule a message of a stream breaks."""
    channel = parse_stream_name(name) if isinstance(name, str) else None
    payload = _find_payload(channel, event)
    if payload is None:
        return rules.NOT_A_KLINE
    try:
        payload.decode(raw)
    except _FAILURES:
        return rules.WRONG_TYPE
    if not isinstance(name, str):
        return rules.WRONG_TYPE
    is_candles = channel is not None and channel.kind == CANDLES
    return rules.NOT_A_KLINE if is_candles else rules.UNKNOWN_STREAM


def _find_payload(channel: Channel | None, event: object) -> Payload | None:
    """The kind of stream to which an event belongs, None for an unknown kind."""
    own = None if channel is None else BY_KIND[channel.kind]
    if own is not None and own.event is None:
        return own
    return BY_EVENT.get(event) if isinstance(event, str) else None


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
        return "an error too large to be shown"


def _refuse(raw: bytes, rule: str) -> BadMessage:
    # A character has up to four bytes; text is made of no more than can be kept.
    text = raw[: 4 * LONGEST_RAW].decode(errors="replace")[:LONGEST_RAW]
    found = _STREAM.search(raw)
    channel = parse_stream_name(found[1].decode(errors="replace")) if found else None
    return BadMessage(text, rule, channel)
