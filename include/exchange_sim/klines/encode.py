"""Whole blocks of candles to the rows of Binance's answers and files, without a loop over rows.

Each row is laid out as 32-bit lanes of four characters; digits come from a table of the
numbers 0..9999, unused characters are NUL and are deleted at the end. That is about five
times as fast as formatting row by row, which would be most of the cost of a page.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exchange_sim.klines.columns import CLOSE, I64, LOTS, OPEN, QUOTE, TAKER, TAKER_QUOTE, TRADES
from exchange_sim.klines.decimals import fixed8

Lanes = npt.NDArray[np.uint32]

_BASE = 10_000


def _digit_table() -> Lanes:
    """Return lanes for 0..9999 padded with zeros, then the same without leading zeros."""
    full = b"".join(b"%04d" % number for number in range(_BASE))
    bare = b"".join((b"%d" % number).ljust(4, b"\0") for number in range(_BASE))
    return np.frombuffer(full + bare, dtype=np.uint32)


_DIGITS = _digit_table()


def _lane(text: bytes) -> int:
    return int(np.frombuffer(text.ljust(4, b"\0"), dtype=np.uint32)[0])


_DOT = _lane(b".")


@dataclass(frozen=True, slots=True)
class _Layout:
    """What stands between the columns of a row, each a tuple of lanes.

    Attributes:
        start: before the open time.
        to_text: between a whole number and a decimal.
        between: between two decimals.
        to_number: between a decimal and a whole number.
        end: after the last decimal, with the unused twelfth column.
    """

    start: tuple[int, ...]
    to_text: tuple[int, ...]
    between: tuple[int, ...]
    to_number: tuple[int, ...]
    end: tuple[int, ...]


_JSON = _Layout(
    start=(_lane(b"["),),
    to_text=(_lane(b',"'),),
    between=(_lane(b'","'),),
    to_number=(_lane(b'",'),),
    end=(_lane(b'","0'), _lane(b'"],')),
)
_COMMA = (_lane(b","),)
_CSV = _Layout((), _COMMA, _COMMA, _COMMA, (_lane(b",0\n"),))


@dataclass(frozen=True, slots=True)
class Block:
    """Encoded rows of one series, ascending and unique by open time.

    Attributes:
        times: open times, epoch milliseconds.
        blob: the rows one after another, each with a trailing comma.
        offsets: where each row begins in ``blob``, and at last its length.
    """

    times: I64
    blob: bytes
    offsets: I64

    def slice(self, first: int, last: int) -> bytes:
        """Return rows ``[first, last)`` as JSON without the enclosing brackets."""
        return self.blob[self.offsets[first] : self.offsets[last] - 1]

    def part(self, first: int, last: int) -> "Block":
        """Return rows ``[first, last)`` as a block of their own."""
        offsets = self.offsets[first : last + 1]
        blob = self.blob[offsets[0] : offsets[-1]]
        return Block(self.times[first:last].copy(), blob, offsets - offsets[0])

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return len(self.blob) + self.times.nbytes + self.offsets.nbytes


def make_block(times: I64, blob: bytes) -> Block:
    """Return a block of rows that each begin with ``[`` and hold no other bracket."""
    starts = np.flatnonzero(np.frombuffer(blob, dtype=np.uint8) == ord("["))
    return Block(times, blob, np.append(starts, len(blob)).astype(np.int64))


class _Writer:
    """Collects lanes column by column."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._lanes: list[Lanes | int] = []

    def constant(self, lanes: tuple[int, ...]) -> None:
        self._lanes += lanes

    def whole(self, values: I64) -> None:
        """Append integers without leading zeros."""
        chunks = []
        rest = values
        while True:
            high = rest // _BASE
            chunks.append((rest - high * _BASE, high))
            rest = high
            if not rest.any():
                break
        for chunk, high in reversed(chunks):
            bare = high == 0
            lanes = _DIGITS[chunk + _BASE * bare]
            # A zero chunk above the leading one must vanish, the last chunk must not.
            if chunk is not chunks[0][0]:
                lanes[bare & (chunk == 0)] = 0
            self._lanes.append(lanes)

    def decimal(self, values: I64, decimals: int) -> None:
        """Append ``values * 10**-decimals`` with eight decimals."""
        if decimals == 0:
            self.whole(values)
            self._lanes += [_DOT, int(_DIGITS[0]), int(_DIGITS[0])]
            return
        unit = 10**decimals
        whole = values // unit
        part = values - whole * unit
        self.whole(whole)
        self._lanes.append(_DOT)
        if decimals <= 4:
            self._lanes += [_DIGITS[part * 10 ** (4 - decimals)], int(_DIGITS[0])]
            return
        part *= 10 ** (8 - decimals)
        high = part // _BASE
        self._lanes += [_DIGITS[high], _DIGITS[part - high * _BASE]]

    def bytes(self) -> bytes:
        matrix = np.empty((self._rows, len(self._lanes)), dtype=np.uint32)
        for index, lane in enumerate(self._lanes):
            matrix[:, index] = lane
        return matrix.tobytes().translate(None, b"\0")


def encode(times: I64, closes: I64, values: I64, price_decimals: int, lot_decimals: int) -> Block:
    """Return rows in the shape of ``/api/v3/klines``.

    Args:
        times: open times, epoch milliseconds, ascending.
        closes: close times, epoch milliseconds.
        values: shape (9, rows), ticks and lots, as the walk makes them.
        price_decimals: decimals of a tick.
        lot_decimals: decimals of a lot; with price_decimals at most eight.
    """
    if len(times) == 0:
        return Block(times, b"", np.zeros(1, dtype=np.int64))
    rows = _write(_JSON, times, closes, values, price_decimals, lot_decimals)
    return make_block(times, rows)


def encode_csv(
    times: I64, closes: I64, values: I64, price_decimals: int, lot_decimals: int
) -> bytes:
    """Return rows as the lines of a published file, times as they are given.

    Args:
        times: open times in the file's unit, ascending.
        closes: close times in the same unit.
        values: as in ``encode``, like the two numbers of decimals.
        price_decimals: decimals of a tick.
        lot_decimals: decimals of a lot.
    """
    return _write(_CSV, times, closes, values, price_decimals, lot_decimals) if len(times) else b""


def _write(
    layout: _Layout, times: I64, closes: I64, values: I64, price_decimals: int, lot_decimals: int
) -> bytes:
    both = price_decimals + lot_decimals
    out = _Writer(len(times))
    out.constant(layout.start)
    out.whole(times)
    out.constant(layout.to_text)
    for field in range(OPEN, CLOSE + 1):
        out.decimal(values[field], price_decimals)
        out.constant(layout.between)
    out.decimal(values[LOTS], lot_decimals)
    out.constant(layout.to_number)
    out.whole(closes)
    out.constant(layout.to_text)
    out.decimal(values[QUOTE], both)
    out.constant(layout.to_number)
    out.whole(values[TRADES])
    out.constant(layout.to_text)
    out.decimal(values[TAKER], lot_decimals)
    out.constant(layout.between)
    out.decimal(values[TAKER_QUOTE], both)
    out.constant(layout.end)
    return out.bytes()


def encode_row(
    open_ms: int, close_ms: int, fields: tuple[int, ...], price_decimals: int, lot_decimals: int
) -> bytes:
    """Return one row as JSON; the plain twin of ``encode``, for integers of any size.

    Args:
        open_ms: open time.
        close_ms: close time.
        fields: the nine numbers in the order of the walk.
        price_decimals: decimals of a tick.
        lot_decimals: decimals of a lot.
    """
    prices = ",".join(f'"{fixed8(fields[i], price_decimals)}"' for i in range(OPEN, CLOSE + 1))
    both = price_decimals + lot_decimals
    return (
        f'[{open_ms},{prices},"{fixed8(fields[LOTS], lot_decimals)}",{close_ms},'
        f'"{fixed8(fields[QUOTE], both)}",{fields[TRADES]},'
        f'"{fixed8(fields[TAKER], lot_decimals)}","{fixed8(fields[TAKER_QUOTE], both)}","0"]'
    ).encode()
