"""Candles as lines of text; the only module that knows the format of these lines.

A candle passes from the exchange to the database as the characters that the exchange sent, without
being converted to objects: more than 100,000 candles pass per second and core.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from candlehouse.core.model import Span
from candlehouse.core.timeframe import from_ms, to_ms

_SEPARATOR = "\t"
_LINE_END = "\n"
# COPY's notation of NULL.
UNKNOWN = r"\N"


class CandleRow(NamedTuple):
    """The values of one candle as text; the fields are the columns of a line, in their order.

    Attributes:
        open_time: milliseconds since the epoch, as is `close_time`.
        volume: in the base asset, as is `taker_buy_volume`.
        quote_volume: in the quote asset, as is `taker_buy_quote_volume`. This column and those
            behind it may be `UNKNOWN`.
    """

    symbol: str
    open_time: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_time: str
    quote_volume: str
    trades: str
    taker_buy_volume: str
    taker_buy_quote_volume: str

    @property
    def values(self) -> tuple[str, ...]:
        """All columns but the symbol."""
        return self[1:]

    @property
    def opens(self) -> datetime:
        """The open time, as an aware UTC datetime."""
        return from_ms(int(self.open_time))


# Columns of a line, and those of them that an exchange sends: all but the symbol.
COLUMNS = CandleRow._fields
VALUE_COLUMNS = COLUMNS[1:]

_MILLISECONDS = "[0-9]{1,14}+"
_COUNT = "[0-9]{1,18}+"
_DECIMAL = r"[0-9]{1,40}+(?:\.[0-9]{1,40}+)?+"
_PATTERNS = CandleRow(*[_DECIMAL] * len(COLUMNS))._replace(
    open_time=_MILLISECONDS, close_time=_MILLISECONDS, trades=_COUNT
)
_VALUES = _SEPARATOR.join(_PATTERNS.values)
# One match for many: a call for each would cost more than the match itself. Possessive, so
# that a bad line in the middle fails at once instead of being tried again from each start.
_MANY = re.compile(f"(?:{_VALUES}{_LINE_END})*+")

# Text of several columns, in the order of `COLUMNS`; also of those before or behind a line.
join_columns = _SEPARATOR.join

# A match when a text is, from a given position on, the joined values of one candle; else None.
# Times have at most 14 digits, the trades at most 18, all other values at most 40 on either
# side of a point. `UNKNOWN` is no value in this sense.
match_values = re.compile(_VALUES).fullmatch


def make_line(symbol: str, values: str) -> str:
    """The line of a candle, without a line break, from its symbol and its joined values."""
    return f"{symbol}{_SEPARATOR}{values}"


def find_malformed(values: Sequence[str]) -> str | None:
    """The first text that `match_values` does not match, None when all match.

    Args:
        values: one text per candle; pass many at once, since a call costs more than a candle.
    """
    text = _LINE_END.join([*values, ""])
    # The count detects line breaks inside a value that happen to form whole lines.
    if _MANY.fullmatch(text) and text.count(_LINE_END) == len(values):
        return None
    return next((one for one in values if not match_values(one)), "")


class CandleRows:
    """Candles as lines of text, each ended by a line break; immutable.

    Properties are computed from the text on each access. All times are UTC, in whole milliseconds.

    Args:
        text: lines with the columns of `COLUMNS`, separated by tabs, each with its line end.
        count: number of lines if known, else it is counted.

    Raises:
        ValueError: when the last line has no line end.
    """

    __slots__ = ("_count", "_text")

    def __init__(self, text: str = "", count: int | None = None) -> None:
        if text and not text.endswith(_LINE_END):
            raise ValueError(f"a line of a candle without an end: {text[-80:]!r}")
        self._text = text
        self._count = count

    @classmethod
    def of_lines(cls, lines: Sequence[str]) -> CandleRows:
        """Rows from lines without line breaks, in their order."""
        return cls(_LINE_END.join([*lines, ""]), len(lines))

    @classmethod
    def of_values(cls, symbol: str, values: Sequence[str]) -> CandleRows:
        """Rows of one symbol, from the joined values of each candle, in their order."""
        if not values:
            return cls("", 0)
        start = make_line(symbol, "")
        return cls(f"{start}{f'{_LINE_END}{start}'.join(values)}{_LINE_END}", len(values))

    @classmethod
    def join(cls, parts: Iterable[CandleRows]) -> CandleRows:
        """The rows of all parts, one part after the other."""
        return cls("".join([part.text for part in parts]))

    @property
    def text(self) -> str:
        """All lines, each with its end, as COPY takes them."""
        return self._text

    def as_parameter(self) -> str:
        """All lines, separated by line breaks but without a last one, for SQL that splits them."""
        return self._text[:-1]

    @property
    def count(self) -> int:
        """Number of candles."""
        if self._count is None:
            self._count = self._text.count(_LINE_END)
        return self._count

    @property
    def first_open_time(self) -> datetime | None:
        """Open time of the first row, UTC; None without rows."""
        if not self._text:
            return None
        return _read_open_time(self._text[: self._text.index(_LINE_END)])

    @property
    def last_open_time(self) -> datetime | None:
        """Open time of the last row, UTC; None without rows."""
        if not self._text:
            return None
        start = self._text.rfind(_LINE_END, 0, -1) + 1
        return _read_open_time(self._text[start:-1])

    def open_times(self) -> list[datetime]:
        """Open time of each row, UTC, in the order of the rows."""
        return [_read_open_time(line) for line in self]

    def column(self, name: str) -> list[str]:
        """The text of one column, in the order of the rows.

        Raises:
            ValueError: when no column has this name.
        """
        at = COLUMNS.index(name)
        return [line.split(_SEPARATOR, at + 1)[at] for line in self]

    def parse(self) -> Iterator[CandleRow]:
        """The rows with their values by name; for few rows, since it creates an object per row."""
        for line in self:
            yield CandleRow(*line.split(_SEPARATOR))

    def within(self, span: Span) -> CandleRows:
        """The rows that open in `span` (half-open); rows must ascend by open time."""
        first, last = self.first_open_time, self.last_open_time
        if first is None or last is None or (span.start <= first and last < span.end):
            return self
        low, high = to_ms(span.start), to_ms(span.end)
        return CandleRows.of_lines([line for line in self if low <= _read_open_ms(line) < high])

    def __iter__(self) -> Iterator[str]:
        """The lines, without their ends."""
        lines = self._text.split(_LINE_END)
        # The part after the last line end is empty.
        del lines[-1]
        return iter(lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CandleRows) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"CandleRows({self._text!r})"


def _read_open_ms(line: str) -> int:
    return int(line.split(_SEPARATOR, 2)[1])


def _read_open_time(line: str) -> datetime:
    return from_ms(int(line.split(_SEPARATOR, 2)[1]))
