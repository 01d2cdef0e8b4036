"""What faults make of a message: pure changes of text."""

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from exchange_sim.faults.fault_rules import FRAME_VARIANTS
from exchange_sim.klines.candle import Candle
from exchange_sim.websocket.frames import BINARY, TEXT, encode_frame

_NOT_JSON = b"<html><body>502 Bad Gateway</body></html>"
_OFF_GRID_MS = 1234
# Fields in the order in which candles and tickers both have them.
_CLOSE, _HIGH, _LOW = "c", "h", "l"


def wrong_close(candle: Candle) -> Candle:
    """Return a candle with another close price, everything else about it still possible."""
    if candle.close != candle.low:
        return replace(candle, close=candle.low)
    if candle.close != candle.high:
        return replace(candle, close=candle.high)
    # A single price: one step up, and without trades nothing can have moved.
    places = len(candle.close.partition(".")[2].rstrip("0"))
    above = f"{Decimal(candle.close) + Decimal(1).scaleb(-places):f}"
    if candle.trades == 0:
        return replace(candle, open=above, high=above, low=above, close=above)
    return replace(candle, high=above, close=above)


def malformed_frame(payload: bytes, variant: str | None, rng: random.Random) -> bytes:
    """Return a frame that no client can make sense of.

    Args:
        payload: the true message.
        variant: one of ``FRAME_VARIANTS``, None for one at random.
        rng: where chance comes from.
    """
    way = rng.choice(FRAME_VARIANTS) if variant is None else variant
    match way:
        case "truncated":
            return encode_frame(payload[: rng.randrange(1, len(payload) - 1)])
        case "not_json":
            return encode_frame(_NOT_JSON)
        case "binary":
            return encode_frame(payload, BINARY)
        case "empty":
            return encode_frame(b"")
    message = msgspec.json.decode(payload)
    _CHANGES[way](_fields(message), rng)
    return encode_frame(msgspec.json.encode(message), TEXT)


def _fields(message: Any) -> dict[str, Any]:
    """Return the candle of a message, or the ticker, or the first of several."""
    inner = message.get("data", message) if isinstance(message, dict) else message
    first = inner[0] if isinstance(inner, list) else inner
    fields: dict[str, Any] = first.get("k", first)
    return fields


def _number_price(fields: dict[str, Any], rng: random.Random) -> None:
    fields[_CLOSE] = float(fields[_CLOSE])


def _text_time(fields: dict[str, Any], rng: random.Random) -> None:
    name = "t" if "t" in fields else "E"
    fields[name] = str(fields[name])


def _missing_field(fields: dict[str, Any], rng: random.Random) -> None:
    del fields[rng.choice((_CLOSE, _HIGH, _LOW, "v"))]


def _high_below_low(fields: dict[str, Any], rng: random.Random) -> None:
    fields[_HIGH] = f"{Decimal(fields[_LOW]) / 2:.8f}"


def _misaligned(fields: dict[str, Any], rng: random.Random) -> None:
    """Move a candle off the grid; a ticker, which has no grid, loses its time."""
    if "t" in fields:
        fields["t"] += _OFF_GRID_MS
    else:
        del fields["E"]


_CHANGES: dict[str, Callable[[dict[str, Any], random.Random], None]] = {
    "number_price": _number_price,
    "text_time": _text_time,
    "missing_field": _missing_field,
    "high_below_low": _high_below_low,
    "misaligned": _misaligned,
}
