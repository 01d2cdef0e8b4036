"""The text of a published file, tidied, and read line by line where it must be.

Most files go into the database as they are (`files.plain`). Only one with something in it that is
no candle is read here, so that each of its rows is either stored or refused with a reason.
"""

from __future__ import annotations

import re
from datetime import datetime

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage, RejectedRow
from candlehouse.core.candles.published_rows import read_line, read_time
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME, NO_CANDLE, OUTSIDE_FILE

_DIGIT = re.compile(rb"[0-9]")


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


def read_lines(series: Series, span: Span, text: bytes) -> CheckedPage:
    """The page of a file's lines, each looked at: candles as `rows`, the others refused.

    Of several rows with one open time the last is kept.
    """
    kept: dict[datetime, str] = {}
    rejected: list[RejectedRow] = []
    for raw in text.splitlines():
        shown = raw.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
        opens = read_time(raw)
        line = read_line(series.symbol, shown)
        if opens is None or line is None:
            rejected.append(RejectedRow(shown, NO_CANDLE, opens))
        elif not span.start <= opens < span.end:
            rejected.append(RejectedRow(shown, OUTSIDE_FILE, opens))
        else:
            if opens in kept:
                rejected.append(RejectedRow(kept[opens], DUPLICATE_OPEN_TIME, opens))
            kept[opens] = line
    rows = CandleRows.of_lines([kept[opens] for opens in sorted(kept)])
    return CheckedPage(series, span, Source.ARCHIVE, rows, tuple(rejected))


def _opens_in(line: bytes, span: Span) -> bool:
    opens = read_time(line)
    return opens is None or span.start <= opens < span.end
