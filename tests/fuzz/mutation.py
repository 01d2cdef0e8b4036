"""Damages payloads: some bytes, some numbers, or what is nested in them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence

# Numbers that a program may take for something else, and texts that are none.
NUMBERS = (
    "0", "-0", "-1", "1", "007.50", "1.", ".5", ".", "", " 1", "1 ", "+1", "0x1F", "1_000", "1,5",
    "1e5", "1E400", "-1e-400", "NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf", "null",
    "true", "١٢٣", "\u00b2", "1.5.5", "0.00000000", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "99999999999999", "100000000000000",
    "253402300799999", "253402300800000", "1704067200000", "1704067200000000",
    "999999999999999999", "1000000000000000000", "2147483648", "4294967296", "86400000",
    "1" * 40, "1" * 41, "9" * 400, "7" * 10_000, "0." + "0" * 39 + "1", "0." + "3" * 41,
    "1" * 39 + "." + "2" * 40, "\\N", "<null>", "NULL", "\t", "'", '"', "\x00",
)  # fmt: skip
# Bytes that have a meaning to one parser or another.
_PIECES = (
    b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\r\n", b"\r", b"\n", b"\n\n", b"\t", b"\\", b'"',
    b"'", b",", b",,", b";", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\\ud800", b"\\u0000",
    b"\\N", b"\\.", b"{", b"}", b"[", b"]", b"[[[[", b"null", b"NaN", b"-", b"/*", b"#",
    b"\xe2\x80\xa8", b"\x1b[0m", b"x",
    b"open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore\n",
)  # fmt: skip
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_NESTED: tuple[object, ...] = (
    None, True, False, [], {}, [[]], {"a": 1}, "", "x", "\ud800", "\x00", 0, -1, 1.5, 1e300,
    10**18, 10**30, "1704067200000", "🜚", "a" * 5000,
)  # fmt: skip

Mutator = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def mutate(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    """A payload with one to three damages.

    Args:
        rng: decides everything.
        payload: to begin with.
        others: genuine ones, for splicing.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        payload = rng.choice(_MUTATORS)(rng, payload, others)
    return payload


def _flip_bits(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _insert(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.choice((0, len(data), rng.randint(0, len(data)), rng.randint(0, len(data))))
    return data[:at] + rng.choice((rng.choice(_PIECES), rng.randbytes(3))) + data[at:]


def _delete(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    return data[:start] + data[start + rng.choice((1, 1, 2, 10, 100)) :]


def _duplicate(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    end = min(len(data), start + rng.choice((1, 5, 50, 500)))
    return data[:end] + data[start:end] * rng.choice((1, 1, 20)) + data[end:]


def _splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def _truncate(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: rng.randint(0, len(data))]


def _replace_number(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return _insert(rng, data, others)
    one = rng.choice(found)
    new = rng.choice(
        (
            rng.choice(NUMBERS).encode(),
            rng.choice(NUMBERS).encode(),
            rng.choice(found)[0],
            _nudged(rng, one[0]),
        )
    )
    return data[: one.start()] + new + data[one.end() :]


def _nudged(rng: random.Random, number: bytes) -> bytes:
    if b"." in number or len(number) > 30:
        return rng.choice((b"-" + number, number + b"0", b"9" + number, number.replace(b".", b"")))
    return str(int(number) + rng.choice((-1, 1, 1000, -60_000, 3_600_000, 86_400_000))).encode()


def _swap_numbers(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data))
    if len(found) < 2:
        return _insert(rng, data, others)
    at = rng.randrange(len(found) - 1)
    distance = rng.choice((1, 1, 2, 3, 6))
    first, second = found[at], found[min(at + distance, len(found) - 1)]
    between = data[first.end() : second.start()]
    return data[: first.start()] + second[0] + between + first[0] + data[second.end() :]


def _change_quotes(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return _insert(rng, data, others)
    one = rng.choice(found)
    start, end = one.start(), one.end()
    if data[start - 1 : start] == data[end : end + 1] == b'"':
        return data[: start - 1] + one[0] + data[end + 1 :]
    return data[:start] + b'"' + one[0] + b'"' + data[end:]


def _shuffle_lines(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) < 2:
        return _swap_numbers(rng, data, others)
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    way = rng.randrange(3)
    if way == 0:
        lines[first], lines[second] = lines[second], lines[first]
    elif way == 1:
        lines.insert(first, lines[second])
    else:
        lines = [line.rstrip(b"\n") + rng.choice((b"\r\n", b"\r", b",0\n")) for line in lines]
    return b"".join(lines)


def _change_items(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One item of a line of a text more or less, or another one in its place."""
    items = data.split(b",")
    if len(items) < 2:
        return _delete(rng, data, others)
    at = rng.randrange(len(items))
    way = rng.randrange(3)
    if way == 0:
        del items[at]
    elif way == 1:
        items.insert(at, rng.choice(items))
    else:
        items[at] = rng.choice(NUMBERS).encode()
    return b",".join(items)


def _change_nested(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Something inside a JSON document of another type, gone, or there twice."""
    try:
        document = json.loads(data, parse_constant=str)
    except (ValueError, RecursionError):
        return _replace_number(rng, data, others)
    places = list(_places(document))
    if not places:
        return _insert(rng, data, others)
    holder, key = rng.choice(places)
    way = rng.randrange(5)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, list):
        holder.insert(key, rng.choice(holder))
    elif way == 2:
        holder[key] = [holder[key]]
    elif way == 3:
        holder[key] = rng.choice(NUMBERS)
    else:
        holder[key] = rng.choice(_NESTED)
    return json.dumps(document).encode()


def _places(document: object):  # type: ignore[no-untyped-def]  # of any shape
    if isinstance(document, dict):
        keys: list[object] = list(document)
    elif isinstance(document, list):
        keys = list(range(len(document)))
    else:
        return
    for key in keys:
        yield document, key
        yield from _places(document[key])


def _bury(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """The whole, or one number of it, below many brackets."""
    depth = rng.choice((10, 200, 900, 5000, 100_000))
    found = list(_NUMBER.finditer(data))
    if rng.random() < 0.5 or not found:
        return b"[" * depth + data + b"]" * depth
    one = rng.choice(found)
    return data[: one.start()] + b"[" * depth + one[0] + b"]" * depth + data[one.end() :]


_MUTATORS: tuple[Mutator, ...] = (
    _flip_bits,
    _insert,
    _delete,
    _duplicate,
    _splice,
    _truncate,
    _replace_number,
    _replace_number,
    _replace_number,
    _swap_numbers,
    _swap_numbers,
    _change_quotes,
    _shuffle_lines,
    _change_items,
    _change_nested,
    _change_nested,
    _bury,
)
