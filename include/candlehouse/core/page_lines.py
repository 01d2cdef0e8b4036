"""The lines of pages: `Page.rows`, tab-separated, and `Page.csv`, as files of candles have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from candlehouse.core.errors import MalformedPayload
from candlehouse.core.model import Page
from candlehouse.core.timeframe import from_ms

# Items of a line of CSV; the last one means nothing.
CSV_ITEMS = 12

_MILLISECONDS = "[0-9]{1,14}"
_COUNT = "[0-9]{1,18}"
_DECIMAL = r"[0-9]{1,40}(?:\.[0-9]{1,40})?"
# What follows the symbol in a row: open time, open, high, low, close, volume, close time, quote
# volume, trades, taker buy volume, taker buy quote volume.
ROW = "\t".join((_MILLISECONDS, *[_DECIMAL] * 5, _MILLISECONDS, _DECIMAL, _COUNT, *[_DECIMAL] * 2))
ONE_ROW = re.compile(ROW)
_ROW_QUOTE_VOLUME, _CSV_QUOTE_VOLUME = 8, 7

# Times of CSV are in milliseconds or microseconds, told apart by their size: no millisecond is
# that large before the year 5138.
_MICROSECONDS_FROM = 10**14
# The longest time that a date can hold, in milliseconds.
_LATEST_MS = 253_402_300_799_999


def is_row(line: str) -> bool:
    """Whether tab-separated text has the eleven items of a candle, and no more."""
    return ONE_ROW.fullmatch(line) is not None


def read_time(line: bytes) -> datetime | None:
    """The moment before a line's first comma, in ms or µs; None when no time stands there."""
    digits = line.partition(b",")[0]
    if not digits.isdigit() or len(digits) > 18:
        return None
    number = int(digits)
    milliseconds = number // 1000 if number > _MICROSECONDS_FROM else number
    return from_ms(milliseconds) if milliseconds <= _LATEST_MS else None


def read_csv_opens(text: bytes) -> list[datetime]:
    """Open times of the lines of CSV that is stored, in their order.

    Raises:
        MalformedPayload: when one cannot be read.
    """
    return [_require_time(line) for line in text.splitlines()]


def read_opens(page: Page) -> Iterator[datetime]:
    """Open times of a page's candles, in their order.

    Raises:
        MalformedPayload: when one cannot be read.
    """
    yield from page.open_times()
    yield from read_csv_opens(page.csv)


def read_quote_volumes(page: Page) -> Iterator[tuple[datetime, Decimal]]:
    """Open time and quote volume of a page's candles, as they were sent, in their order."""
    volumes = [line.split("\t")[_ROW_QUOTE_VOLUME] for line in page.rows.splitlines()]
    volumes += [line.split(",")[_CSV_QUOTE_VOLUME] for line in page.csv.decode().splitlines()]
    yield from zip(read_opens(page), map(Decimal, volumes), strict=True)


def _require_time(line: bytes) -> datetime:
    if (opens := read_time(line)) is None:
        raise MalformedPayload(f"a line without its open time: {line[:80]!r}")
    return opens
