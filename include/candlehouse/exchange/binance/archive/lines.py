"""The text of a published file, tidied, and read line by line where it must be.

Most files go into the database as they are (`files.plain`). Only one with something in it that is
no candle is read here, so that each of its rows is either stored or refused with a reason.
"""

from __future__ import annotations

import re
from datetime import datetime

from candlehouse.core.errors import MalformedPayload
from candlehouse.core.model import Page, RejectedRow, Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME, NO_CANDLE, OUTSIDE_FILE
from candlehouse.core.timeframe import from_ms, to_ms
from candlehouse.exchange.binance.http.wire import KLINE_ITEMS, is_kline_line

_DIGIT = re.compile(rb"[0-9]")
# Times are in microseconds from 2025 on: no millisecond is that large before the year 5138.
_MICROSECONDS_FROM = 10**14
# The longest time that a date can hold, in milliseconds.
_LATEST_MS = 253_402_300_799_999


def tidy(text: bytes) -> bytes:
    """The lines alone: without a header, with a line's end after the last.

    A header has names and no numbers: a damaged row is not to be taken for one.
    """
    if text[:1].isalpha():
        first, _, others = text.partition(b"\n")
        if not _DIGIT.search(first):
            text = others
    if text and not text.endswith(b"\n"):
        text += b"\n"
    return text


def cut(text: bytes, span: Span) -> bytes:
    """The lines that open in `span`; those whose time cannot be read stay."""
    return b"".join(line for line in text.splitlines(keepends=True) if _opens_in(line, span))


def read_open_times(text: bytes) -> list[datetime]:
    """Open times of the lines of a text that is stored, in their order.

    Raises:
        MalformedPayload: when one cannot be read.
    """
    return [_require_time(line) for line in text.splitlines()]


def _require_time(line: bytes) -> datetime:
    if (opens := read_time(line)) is None:
        raise MalformedPayload(f"a line without its open time: {line[:80]!r}")
    return opens


def read_lines(series: Series, span: Span, text: bytes) -> Page:
    """The page of a file's lines, each looked at: candles as `rows`, the others refused.

    Of several rows with one open time the last is kept.
    """
    kept: dict[datetime, str] = {}
    rejected: list[RejectedRow] = []
    for raw in text.splitlines():
        shown = raw.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
        opens = read_time(raw)
        line = _to_line(series, shown)
        if opens is None or line is None:
            rejected.append(RejectedRow(shown, NO_CANDLE, opens))
        elif not span.start <= opens < span.end:
            rejected.append(RejectedRow(shown, OUTSIDE_FILE, opens))
        else:
            if opens in kept:
                rejected.append(RejectedRow(kept[opens], DUPLICATE_OPEN_TIME, opens))
            kept[opens] = line
    lines = [kept[opens] for opens in sorted(kept)]
    rows = "".join(f"{line}\n" for line in lines)
    return Page(series, span, Source.ARCHIVE, rows, len(lines), tuple(rejected))


def _to_line(series: Series, text: str) -> str | None:
    items = text.rstrip("\r").split(",")
    if len(items) != KLINE_ITEMS:
        return None
    for at in (0, 6):
        moment = read_time(items[at].encode("ascii", "replace"))
        if moment is None:
            return None
        items[at] = str(to_ms(moment))
    line = "\t".join(items[:-1])
    return f"{series.symbol}\t{line}" if is_kline_line(line) else None


def read_time(line: bytes) -> datetime | None:
    """The moment before a line's first comma, in ms or µs; None when there is none."""
    digits = line.partition(b",")[0]
    if not digits.isdigit() or len(digits) > 18:
        return None
    number = int(digits)
    milliseconds = number // 1000 if number > _MICROSECONDS_FROM else number
    return from_ms(milliseconds) if milliseconds <= _LATEST_MS else None


def _opens_in(line: bytes, span: Span) -> bool:
    opens = read_time(line)
    return opens is None or span.start <= opens < span.end
