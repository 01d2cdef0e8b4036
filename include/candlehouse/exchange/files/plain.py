"""Recognises files whose text may be copied into the database unchanged.

The text is scanned as a whole, never line by line: which characters it has, when its lines
open, and how many lines each day has. Whether each line has the columns of a candle is left to
the database, which otherwise rejects the whole text.
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

# ASCII characters between the comma and the nine that are neither point nor digit.
_SIGNS = (b"-", b"/")
# Digits of a time in milliseconds and in microseconds, from 2001 to 2286.
_MS_DIGITS, _MICROS_DIGITS = 13, 16
_WORD = 8
# Shifts that double a run of digits up to 41, one digit more than any number of a candle may
# have: a run of 2n digits begins where runs of n digits begin n places apart.
_STEPS = (1, 2, 4, 8, 16, 9)


@dataclass(frozen=True, slots=True, eq=False)
class PlainText:
    """Lines in ascending order of open time.

    Attributes:
        text: of the lines, each with its line end.
        ends: positions of the line ends, in bytes from the start of the text.
        opens_ms: open times in milliseconds since the epoch, UTC; strictly ascending.
    """

    text: bytes
    ends: Numbers
    opens_ms: Numbers

    def __len__(self) -> int:
        return len(self.ends)

    def fits(self, span: Span) -> bool:
        """Whether all lines open in `span` (half-open)."""
        return len(self._lines_in(span)) == len(self)

    def cut(self, span: Span) -> PlainText:
        """The lines that open in `span` (half-open)."""
        kept = self._lines_in(span)
        if len(kept) == len(self):
            return self
        start = int(self.ends[kept.start - 1]) + 1 if kept.start else 0
        end = int(self.ends[kept.stop - 1]) + 1 if kept.stop else 0
        lines = slice(kept.start, kept.stop)
        return PlainText(self.text[start:end], self.ends[lines] - start, self.opens_ms[lines])

    def to_rows(self, timeframe: Timeframe) -> PublishedRows:
        """The lines as rows of a series of `timeframe`, with counts per UTC day."""
        return PublishedRows(self.text, len(self), self.count_days(timeframe))

    def count_days(self, timeframe: Timeframe) -> tuple[PageDay, ...]:
        """The number of lines and their first and last open time per UTC day, ascending.

        Days without a line are left out.
        """
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
    """The text as lines; None for a text that must be read line by line.

    A plain text consists of digits, points and commas, which excludes everything else that a
    database accepts as a number (NaN, signs, exponents); has no number longer than the database
    can store; and has lines in ascending order of time, all in milliseconds or all in
    microseconds.

    Args:
        text: lines, each with its line end.
    """
    import numpy

    if any(sign in text for sign in _SIGNS):
        return None
    codes = numpy.frombuffer(text, numpy.uint8)
    # Unsigned arithmetic: characters below the comma wrap around and count as large, too.
    ends = numpy.flatnonzero(codes - ord(",") > ord("9") - ord(","))
    if (codes[ends] != ord("\n")).any() or _has_long_number(codes):
        return None
    opens_ms = _read_opens(codes, ends)
    if opens_ms is None or (opens_ms[1:] <= opens_ms[:-1]).any():
        return None
    return PlainText(text, ends, opens_ms)


def _has_long_number(codes: Codes) -> bool:
    """Whether 41 digits follow each other, in a text without characters above the nine."""
    import numpy

    digits = codes >= ord("0")
    # 41 digits in a row always contain four whole words of eight bytes.
    words = digits[: len(digits) // _WORD * _WORD].view(numpy.uint64)
    full = words == int.from_bytes(b"\x01" * _WORD, "little")
    if not (full[:-3] & full[1:-2] & full[2:-1] & full[3:]).any():
        return False
    for step in _STEPS:
        digits = digits[step:] & digits[:-step]
    return bool(digits.any())


def _read_opens(codes: Codes, ends: Numbers) -> Numbers | None:
    """Milliseconds before the first comma per line; None unless all have 13 or all 16 digits."""
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
