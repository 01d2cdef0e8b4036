"""Says of what arrived which candles are in it; shares no code with the collector.

It is slow and plain on purpose: Python's own json, and Decimal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

_DAY_MS = 86_400_000
_DIGITS = frozenset("0123456789")


class Candle(NamedTuple):
    """A candle to the last digit; times in milliseconds."""

    open_ms: int
    close_ms: int
    prices: tuple[Decimal, Decimal, Decimal, Decimal]
    amounts: tuple[Decimal, Decimal, Decimal, Decimal]
    trades: int

    def key(self) -> tuple[object, ...]:
        """All its values, with the zeros at their ends."""
        numbers = tuple(number.as_tuple() for number in (*self.prices, *self.amounts))
        return self.open_ms, self.close_ms, numbers, self.trades


class _Integer(str):
    """An integer of a JSON document, in its digits: there may be thousands."""

    __slots__ = ()


class _Fraction(str):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a payload must come to.

    Attributes:
        candles: that must be stored, by open time.
        refused: how many rows must be in quarantine, equal ones counted once.
        lenient: whether its rows are numbers in an unusual spelling, such as `1.`, which
            may be stored or refused.
    """

    candles: dict[int, Candle] = field(default_factory=dict)
    refused: int = 0
    lenient: bool = False


def read_json(text: str) -> object:
    """A document whose integers and fractions are texts of their own kinds.

    Raises:
        ValueError: when it is none.
    """
    document = json.loads(
        text, parse_int=_Integer, parse_float=_Fraction, parse_constant=_refuse_constant
    )
    # A lone surrogate is no character: it has no place in UTF-8.
    json.dumps(document, ensure_ascii=False).encode()
    return document


def judge_page(body: bytes, length_ms: int, start_ms: int, end_ms: int) -> Judgement | None:
    """What the answer of a klines request must come to; None when it is to be refused whole."""
    try:
        # ccxt takes off any space there is in Unicode.
        document = read_json(body.decode("utf-8", "replace").strip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, list) or len(document) > 1000:
        return None
    rows = [_read_row(row) for row in document]
    if not all(rows):
        return None
    times = [candle.open_ms for candle in rows if candle is not None]
    # Rows that were not asked for are left out; an answer that has no others is of another one.
    inside = [n for n, at in enumerate(times) if start_ms <= at < end_ms]
    if times != sorted(times) or (times and not inside):
        return None
    candles = [candle for n in inside if (candle := rows[n]) is not None]
    last = {candle.open_ms: candle for candle in candles}
    possible = {at: one for at, one in last.items() if is_possible(one, length_ms)}
    repeated = {
        tuple(map(str, row[:11]))
        for one, row in zip(candles, (document[n] for n in inside), strict=True)
        if last[one.open_ms] is not one
    }
    return Judgement(possible, len(repeated) + len(last) - len(possible))


def judge_text(
    text: bytes, length_ms: int, start_ms: int, end_ms: int, *, whole: bool = True
) -> Judgement:
    """What the text of a published file must come to.

    Args:
        text: of the file.
        length_ms: of the timeframe.
        start_ms: of the range that is wanted, inclusive.
        end_ms: of it, exclusive.
        whole: whether that is the range of the file: else rows outside are not wanted.
    """
    first, _, rest = text.partition(b"\n")
    if first[:1].isalpha() and not _DIGITS & set(first.decode("latin-1")):
        text = rest
    candles: dict[int, tuple[Candle, str]] = {}
    refused: set[tuple[str, str]] = set()
    lenient = False
    for raw in text.splitlines():
        line = raw.decode("utf-8", "replace")
        items = line.split(",")
        opens = _file_ms(items[0]) if len(items) > 1 else None
        if not whole and opens is not None and not start_ms <= opens < end_ms:
            continue
        lenient = lenient or _is_unusual(items)
        candle = _read_items(items)
        if candle is None:
            refused.add(("no_candle", line))
        elif not start_ms <= candle.open_ms < end_ms:
            refused.add(("outside_file", line))
        else:
            if candle.open_ms in candles:
                refused.add(("duplicate", candles[candle.open_ms][1]))
            times = str(candle.open_ms), str(candle.close_ms)
            candles[candle.open_ms] = candle, ",".join((*times, *items[1:6], *items[7:11]))
    possible = {at: one for at, (one, _) in candles.items() if is_possible(one, length_ms)}
    return Judgement(possible, len(refused) + len(candles) - len(possible), lenient)


def names_twice(raw: bytes) -> bool:
    """Whether an object of a document has a name twice: which of the two counts is open."""
    twice: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        twice.extend(name for name in names if names.count(name) > 1)
        return dict(pairs)

    try:
        json.loads(raw.decode("utf-8", "replace"), object_pairs_hook=look, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return bool(twice)


def judge_frame(raw: bytes, now_ms: int) -> tuple[str, Candle] | None:
    """The symbol and closed one-minute candle that a frame brings, None when it brings none."""
    try:
        frame = read_json(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    data = frame.get("data") if isinstance(frame, dict) else None
    kline = data.get("k") if isinstance(data, dict) else None
    if not isinstance(kline, dict) or not isinstance(data, dict) or data.get("e") != "kline":
        return None
    symbol = data.get("s")
    named = isinstance(symbol, str) and type(symbol) is str and kline.get("s") == symbol
    if not named or frame.get("stream") != f"{symbol.lower()}@kline_1m":  # type: ignore[union-attr]
        return None
    if kline.get("i") != "1m" or kline.get("x") is not True:
        return None
    event = _json_count(data.get("E"), 14) if type(data.get("E")) is _Integer else None
    row = [kline.get(name) for name in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")]
    # Unlike an answer of REST, a message has all its numbers in one type each.
    if not all(type(row[at]) is (_Integer if at in (0, 6, 8) else str) for at in range(len(row))):
        return None
    candle = _read_row([*row, None])
    if event is None or candle is None or not is_possible(candle, 60_000):
        return None
    aligned = candle.open_ms % 60_000 == 0 and candle.close_ms == candle.open_ms + 59_999
    timely = candle.close_ms < event <= candle.close_ms + 100 * _DAY_MS
    if not (aligned and timely and abs(event - now_ms) <= _DAY_MS):
        return None
    return str(symbol), candle


def is_possible(candle: Candle, length_ms: int) -> bool:
    """Whether an exchange can mean it: genuine ones may even close before they open."""
    opens, high, low, close = candle.prices
    volume, quote_volume, taker, quote_taker = candle.amounts
    return (
        low <= min(opens, close)
        and high >= max(opens, close)
        and taker <= volume
        and quote_taker <= quote_volume
        and abs(candle.close_ms - candle.open_ms) <= length_ms + _DAY_MS
    )


def _read_row(row: object) -> Candle | None:
    """A row of a JSON document: times and trades are integers or their text, the rest text."""
    if not isinstance(row, list) or len(row) != 12:
        return None
    opens, closes, trades = (
        _json_count(row[0], 14),
        _json_count(row[6], 14),
        _json_count(row[8], 18),
    )
    texts = [row[at] for at in (1, 2, 3, 4, 5, 7, 9, 10)]
    if not all(type(text) in (str, _Fraction) for text in texts):
        return None
    return _make(opens, closes, trades, [_number(str(text)) for text in texts])


def _read_items(items: Sequence[str]) -> Candle | None:
    """A line of a file; times in milliseconds or microseconds."""
    if len(items) != 12:
        return None
    numbers = [_number(items[at]) for at in (1, 2, 3, 4, 5, 7, 9, 10)]
    return _make(_file_ms(items[0]), _file_ms(items[6]), _count(items[8], 18), numbers)


def _make(
    opens: int | None, closes: int | None, trades: int | None, numbers: Sequence[Decimal | None]
) -> Candle | None:
    known = [number for number in numbers if number is not None]
    if opens is None or closes is None or trades is None or len(known) != len(numbers):
        return None
    o, high, low, close, volume, quote_volume, taker, quote_taker = known
    return Candle(
        opens, closes, (o, high, low, close), (volume, quote_volume, taker, quote_taker), trades
    )


def _number(text: str) -> Decimal | None:
    parts = text.split(".")
    if len(parts) > 2 or not all(part and set(part) <= _DIGITS for part in parts):
        return None
    return Decimal(text) if max(map(len, parts)) <= 40 else None


def _is_unusual(items: Sequence[str]) -> bool:
    numbers = [item for at, item in enumerate(items) if at not in (0, 6, 8, 11)]
    points = any(item[:1] == "." or item[-1:] == "." for item in numbers)
    # More digits than a refused row may have, and fewer than would not fit 64 bits.
    return points or any(len(item) == 19 for at, item in enumerate(items) if at in (0, 6, 8))


def _count(text: str, longest: int) -> int | None:
    return int(text) if 0 < len(text) <= longest and set(text) <= _DIGITS else None


def _json_count(value: object, longest: int) -> int | None:
    if type(value) is _Integer and value == "-0":
        return 0
    return _count(value, longest) if type(value) in (str, _Integer) else None  # type: ignore[arg-type]


def _file_ms(text: str) -> int | None:
    number = _count(text, 18)
    if number is None:
        return None
    milliseconds = number // 1000 if number > 10**14 else number
    return milliseconds if milliseconds <= 253_402_300_799_999 else None


def _refuse_constant(name: str) -> object:
    raise ValueError(name)
