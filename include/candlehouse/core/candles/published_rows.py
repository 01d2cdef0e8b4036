"""Candles as published files have them, and how a line of such a file is put together.

The columns are those of `candle_rows` but for the symbol, between commas, and an item behind
them that means nothing. Times are in milliseconds or microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from candlehouse.core.candles.candle_rows import (
    VALUE_COLUMNS,
    join_columns,
    make_line,
    match_values,
)
from candlehouse.core.errors import MalformedPayload
from candlehouse.core.timeframe import from_ms, to_ms

PUBLISHED_COLUMNS = (*VALUE_COLUMNS, "unused")

_SEPARATOR = ","
_TIMES_AT = tuple(map(PUBLISHED_COLUMNS.index, ("open_time", "close_time")))
# Times are told apart by their size: no millisecond is that large before the year 5138.
_MICROSECONDS_FROM = 10**14
# The longest time that a date can hold, in milliseconds.
_LATEST_MS = 253_402_300_799_999


class PageDay(NamedTuple):
    """What published rows hold of one UTC day.

    Attributes:
        first_open_time: inclusive, as is the last one.
        off_grid: whether any of it opens inside a slot and not at its start.
    """

    day: date
    candles: int
    first_open_time: datetime
    last_open_time: datetime
    off_grid: bool


@dataclass(frozen=True, slots=True)
class PublishedRows:
    """Lines of a published file, unchanged; each opens after the one before it.

    Whether each line has the columns of a candle is left to the database. What is asked of the
    lines is read from the text each time. All times are in UTC and of whole milliseconds.

    Attributes:
        text: the lines, each with its end, as COPY takes them.
        count: how many there are.
        days: what there is of each UTC day, in their order; days without a line are left out.
    """

    text: bytes = b""
    count: int = 0
    days: tuple[PageDay, ...] = ()

    @property
    def first_open_time(self) -> datetime | None:
        """When the first of the rows opens; None when there are none."""
        return _require_time(self.text[: self.text.index(b"\n")]) if self.text else None

    @property
    def last_open_time(self) -> datetime | None:
        """When the last of the rows opens; None when there are none."""
        start = self.text.rfind(b"\n", 0, -1) + 1
        return _require_time(self.text[start:-1]) if self.text else None

    def open_times(self) -> list[datetime]:
        """When each of the rows opens, in their order.

        Raises:
            MalformedPayload: when a time cannot be read.
        """
        return [_require_time(line) for line in self.text.splitlines()]

    def column(self, name: str) -> list[str]:
        """The text of one of `PUBLISHED_COLUMNS`, in the order of the rows.

        Raises:
            ValueError: when no column has this name.
        """
        at = PUBLISHED_COLUMNS.index(name)
        return [line.split(_SEPARATOR)[at] for line in self.text.decode().splitlines()]


def count_lines(text: bytes) -> int:
    """How many lines a text has, each with its end."""
    return text.count(b"\n")


def is_as_wide(line: bytes) -> bool:
    """Whether a line has as many items as one of a published file."""
    return line.count(_SEPARATOR.encode()) == len(PUBLISHED_COLUMNS) - 1


def split_items(line: str) -> list[str]:
    """The items of a line, without its end."""
    return line.split(_SEPARATOR)


def join_items(items: Iterable[str]) -> str:
    """The line of items, without an end; `quarantined_candles` keeps rows in this form."""
    return _SEPARATOR.join(items)


def read_time(line: bytes) -> datetime | None:
    """The moment before a line's first comma, in ms or µs; None when no time stands there."""
    digits = line.partition(b",")[0]
    if not digits.isdigit() or len(digits) > 18:
        return None
    number = int(digits)
    milliseconds = number // 1000 if number > _MICROSECONDS_FROM else number
    return from_ms(milliseconds) if milliseconds <= _LATEST_MS else None


def read_line(symbol: str, line: str) -> str | None:
    """A line of a file as one of `CandleRows`, without an end; None when it is no candle.

    Every value is kept to the letter, but for times, which become milliseconds.
    """
    items = line.rstrip("\r").split(_SEPARATOR)
    if len(items) != len(PUBLISHED_COLUMNS):
        return None
    for at in _TIMES_AT:
        moment = read_time(items[at].encode("ascii", "replace"))
        if moment is None:
            return None
        items[at] = str(to_ms(moment))
    values = join_columns(items[:-1])
    return make_line(symbol, values) if match_values(values) else None


def _require_time(line: bytes) -> datetime:
    if (opens := read_time(line)) is None:
        raise MalformedPayload(f"a line without its open time: {line[:80]!r}")
    return opens
