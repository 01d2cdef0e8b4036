"""The text of a published file that may go into the database as it is.

It is looked through as a whole, never line by line: what is in it besides digits, when its
lines open, and how many of them are of which day. Whether each line has the columns of a
candle is left to the database, which refuses the whole of it otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from candlehouse.core.candles.published_rows import PageDay, PublishedRows
from candlehouse.core.model import Span
from candlehouse.core.timeframe import DAY, EPOCH, Timeframe, from_ms, to_ms

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Codes: TypeAlias = NDArray[numpy.uint8]
    Numbers: TypeAlias = NDArray[numpy.int64]

# What ASCII has from the comma to the nine besides the point and the digits.
_SIGNS = (b"-", b"/")
# Digits of a time in milliseconds and in microseconds, from 2001 to 2286.
_MS_DIGITS, _MICROS_DIGITS = 13, 16
_WORD = 8
# Together with the one before them one digit more than any number of a candle may have: a
# place of a run twice as long is where two of a run begin next to each other.
_STEPS = (1, 2, 4, 8, 16, 9)


@dataclass(frozen=True, slots=True, eq=False)
class PlainText:
    """Lines that open one after the other.

    Attributes:
        text: of the lines, each with its end.
        ends: where each line has its end, in bytes from the start of the text.
        opens_ms: when each opens, in milliseconds; strictly ascending.
    """

    text: bytes
    ends: Numbers
    opens_ms: Numbers

    def __len__(self) -> int:
        return len(self.ends)

    def fits(self, span: Span) -> bool:
        """Whether all lines open in `span`."""
        return len(self._lines_in(span)) == len(self)

    def cut(self, span: Span) -> PlainText:
        """The lines that open in `span`."""
        kept = self._lines_in(span)
        if len(kept) == len(self):
            return self
        start = int(self.ends[kept.start - 1]) + 1 if kept.start else 0
        end = int(self.ends[kept.stop - 1]) + 1 if kept.stop else 0
        lines = slice(kept.start, kept.stop)
        return PlainText(self.text[start:end], self.ends[lines] - start, self.opens_ms[lines])

    def to_rows(self, timeframe: Timeframe) -> PublishedRows:
        """The lines as rows of a series of `timeframe`, with what there is of each UTC day."""
        return PublishedRows(self.text, len(self), self.count_days(timeframe))

    def count_days(self, timeframe: Timeframe) -> tuple[PageDay, ...]:
        """What there is of each UTC day, in their order; days without a line are left out."""
        import numpy

        if not len(self):
            return ()
        days = self.opens_ms // Timeframe.D1.length_ms
        firsts = numpy.flatnonzero(numpy.diff(days, prepend=-1))
        lasts = numpy.append(firsts[1:], len(days)) - 1
        odd = numpy.logical_or.reduceat(self.opens_ms % timeframe.length_ms != 0, firsts)
        columns = (
            days[firsts],
            lasts - firsts + 1,
            self.opens_ms[firsts],
            self.opens_ms[lasts],
            odd,
        )
        return tuple(
            PageDay((EPOCH + day * DAY).date(), candles, from_ms(first), from_ms(last), off_grid)
            for day, candles, first, last, off_grid in zip(
                *(column.tolist() for column in columns), strict=True
            )
        )

    def _lines_in(self, span: Span) -> range:
        import numpy

        start, stop = numpy.searchsorted(self.opens_ms, [to_ms(span.start), to_ms(span.end)])
        return range(int(start), int(max(start, stop)))


def read_plain(text: bytes) -> PlainText | None:
    """The text as lines, None if it has to be read one by one.

    Plain is what has nothing but digits, points and commas in it, which leaves out all else
    that a database takes for a number: NaN, signs, exponents; no number longer than a
    candle's, for which the database has room; and lines that ascend in time, all in
    milliseconds or all in microseconds.

    Args:
        text: lines, each with its end.
    """
    import numpy

    if any(sign in text for sign in _SIGNS):
        return None
    codes = numpy.frombuffer(text, numpy.uint8)
    # What comes before the comma in ASCII is after all others here.
    ends = numpy.flatnonzero(codes - ord(",") > ord("9") - ord(","))
    if (codes[ends] != ord("\n")).any() or _has_long_number(codes):
        return None
    opens_ms = _read_opens(codes, ends)
    if opens_ms is None or (opens_ms[1:] <= opens_ms[:-1]).any():
        return None
    return PlainText(text, ends, opens_ms)


def _has_long_number(codes: Codes) -> bool:
    """Whether 41 digits follow each other, of text without what comes after them in ASCII."""
    import numpy

    digits = codes >= ord("0")
    # Wherever so many begin, four whole words of eight bytes have nothing else in them.
    words = digits[: len(digits) // _WORD * _WORD].view(numpy.uint64)
    full = words == int.from_bytes(b"\x01" * _WORD, "little")
    if not (full[:-3] & full[1:-2] & full[2:-1] & full[3:]).any():
        return False
    for step in _STEPS:
        digits = digits[step:] & digits[:-step]
    return bool(digits.any())


def _read_opens(codes: Codes, ends: Numbers) -> Numbers | None:
    """Milliseconds before the first comma of each line; None unless all have as many digits."""
    import numpy

    if not len(ends):
        return numpy.zeros(0, numpy.int64)
    starts = numpy.append(0, ends[:-1] + 1)
    for width in (_MS_DIGITS, _MICROS_DIGITS):
        if ends[0] >= width and codes[width] == ord(","):
            break
    else:
        return None
    if (ends - starts <= width).any() or (codes[starts + width] != ord(",")).any():
        return None
    digits = numpy.lib.stride_tricks.sliding_window_view(codes, width)[starts]
    if (digits < ord("0")).any():
        return None
    numbers = numpy.zeros(len(starts), numpy.int64)
    for place in range(width):
        numbers *= 10
        numbers += digits[:, place]
    numbers -= int("1" * width) * ord("0")
    return numbers if width == _MS_DIGITS else numbers // 1000
