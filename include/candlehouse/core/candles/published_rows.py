"""Candles in the format of published files.

The columns are those of `candle_rows` without the symbol, separated by commas, and an unused last
column. Times are in milliseconds or microseconds since the epoch.
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
# Times from this number on are in microseconds; in milliseconds it is the year 5138.
_MICROSECONDS_FROM = 10**14
# The longest time that a date can hold, in milliseconds.
_LATEST_MS = 253_402_300_799_999


class PageDay(NamedTuple):
    """The published rows of one UTC day.

    Attributes:
        first_open_time: open time of the first row.
        last_open_time: open time of the last row (inclusive).
        off_grid: whether any row opens inside a slot instead of at its start.
    """

    day: date
    candles: int
    first_open_time: datetime
    last_open_time: datetime
    off_grid: bool


@dataclass(frozen=True, slots=True)
class PublishedRows:
    """Unchanged lines of a published file, in strictly ascending order of open time.

    The database checks whether each line has the columns of a candle. Properties are computed from
    the
    text on each access. All times are UTC, in whole milliseconds.

    Attributes:
        text: the lines, each with its line end, as COPY takes them.
        count: number of lines.
        days: the rows per UTC day, ascending; days without a line are left out.
    """

    text: bytes = b""
    count: int = 0
    days: tuple[PageDay, ...] = ()

    @property
    def first_open_time(self) -> datetime | None:
        """Open time of the first row, UTC; None without rows."""
        return _require_time(self.text[: self.text.index(b"\n")]) if self.text else None

    @property
    def last_open_time(self) -> datetime | None:
        """Open time of the last row, UTC; None without rows."""
        start = self.text.rfind(b"\n", 0, -1) + 1
        return _require_time(self.text[start:-1]) if self.text else None

    def open_times(self) -> list[datetime]:
        """Open time of each row, UTC, in the order of the rows.

        Raises:
            MalformedPayload: when a time cannot be parsed.
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
    """Number of lines in a text whose lines all have a line end."""
    return text.count(b"\n")


def has_all_columns(line: bytes) -> bool:
    """Whether a line has as many columns as a line of a published file."""
    return line.count(_SEPARATOR.encode()) == len(PUBLISHED_COLUMNS) - 1


def split_items(line: str) -> list[str]:
    """The cells of a line, without its line end."""
    return line.split(_SEPARATOR)


def join_items(items: Iterable[str]) -> str:
    """The line of some cells, without a line end; the format of `quarantined_candles.raw`."""
    return _SEPARATOR.join(items)


def read_time(line: bytes) -> datetime | None:
    """The open time of a line (its first cell, in ms or µs); None when it is not a time."""
    digits = line.partition(b",")[0]
    if not digits.isdigit() or len(digits) > 18:
        return None
    number = int(digits)
    milliseconds = number // 1000 if number > _MICROSECONDS_FROM else number
    return from_ms(milliseconds) if milliseconds <= _LATEST_MS else None


def read_line(symbol: str, line: str) -> str | None:
    """A line of a file as a line of `CandleRows`, without a line end; None when it is not a candle.

    Values are kept character by character, except times, which are converted to milliseconds.
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
