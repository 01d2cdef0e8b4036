"""Prepares the text of a published file, and parses it line by line where necessary.

Most files go into the database unchanged (`files.plain`). Only a file with a line that is not a
candle is parsed here, so that each of its rows is either stored or refused with a reason.
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


def strip_header(text: bytes) -> bytes:
    """The lines without a header, with a line end after the last line.

    A header has names and no numbers, so that a damaged row is not taken for a header.
    """
    if text[:1].isalpha():
        first, _, others = text.partition(b"\n")
        if not _DIGIT.search(first):
            text = others
    if text and not text.endswith(b"\n"):
        text += b"\n"
    return text


def cut(text: bytes, span: Span) -> bytes:
    """The lines that open in `span`, and lines whose time cannot be parsed."""
    return b"".join(line for line in text.splitlines(keepends=True) if _opens_in(line, span))


def read_lines(series: Series, span: Span, text: bytes) -> CheckedPage:
    """Parses each line of a file: candles are in `rows`, the others in `rejected`.

    Of several rows with the same open time the last one is kept.
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
