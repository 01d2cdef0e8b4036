"""Converts klines from the REST API to lines of a page, as text throughout.

No value is converted: a price goes to the database in the characters that the exchange sent.
An answer without the documented shape is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from operator import le, lt
from typing import cast

from candlehouse.core.candles.candle_rows import (
    VALUE_COLUMNS,
    CandleRows,
    find_malformed,
    join_columns,
)
from candlehouse.core.candles.pages import RejectedRow, RestPage
from candlehouse.core.errors import MalformedPayload
from candlehouse.core.judging.proof import find_proven
from candlehouse.core.model import Series, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME
from candlehouse.core.timeframe import Timeframe, to_ms

# A kline has the columns of a candle in their order, and a last item that is dropped.
_KLINE_ITEMS = len(VALUE_COLUMNS) + 1


def parse_klines(series: Series, span: Span, payload: object, limit: int) -> RestPage:
    """Checks the answer of a klines request and converts it to a page.

    Two rows with the same open time are a known fault of old data: the last one is kept, the
    others are in `rejected`. A row off the slot grid is genuine and kept. Rows that open
    outside `span` are ignored.

    Args:
        series: that was requested.
        span: requested open times, half-open.
        payload: the decoded JSON; integers may be text.
        limit: highest number of requested rows; at least 1.

    Returns:
        A page whose span is the part of `span` that the answer proves (`core.judging.proof`).

    Raises:
        MalformedPayload: when it is not a list of at most `limit` klines in ascending order, or
            when none of its rows opens inside `span`.
    """
    where = f"{series} {span}"
    if not isinstance(payload, list):
        raise MalformedPayload(f"{where}: not a list of klines but {describe(payload)}")
    if len(payload) > limit:
        raise MalformedPayload(f"{where}: {len(payload)} rows where at most {limit} were asked for")
    rows = CandleRows.of_values(series.symbol, _checked_values(where, payload))
    times = [int(row[0]) for row in payload]
    if not _ascend(times, le):
        raise MalformedPayload(f"{where}: open times do not ascend")
    inside = rows.within(span)
    proven = _find_proven(where, span, series.timeframe, rows, inside)
    if _ascend(times, lt):
        return RestPage(series, proven, inside)
    return RestPage(series, proven, *_without_duplicates(inside))


def describe(payload: object) -> str:
    """A short description of an unexpected payload, for error messages."""
    try:
        text = repr(payload)
    except (ValueError, RecursionError):
        # An integer of thousands of digits, or lists within lists.
        text = "too large to be shown"
    return f"{type(payload).__name__} {text if len(text) <= 80 else text[:77] + '...'}"


def _checked_values(where: str, payload: list[object]) -> list[str]:
    """The joined values of each kline."""
    rows = cast("list[list[str]]", payload)
    if not set(map(type, rows)) <= {list}:
        wrong = next(row for row in rows if type(row) is not list)
        raise MalformedPayload(f"{where}: a kline is not a list but {describe(wrong)}")
    try:
        values = [
            # Only the three integers are converted to text: joining rejects any other number.
            join_columns((str(opens), o, h, low, c, v, str(closes), q, str(n), tb, tq))
            for opens, o, h, low, c, v, closes, q, n, tb, tq, _ in rows
        ]
    except (ValueError, TypeError, RecursionError):
        # A kline of the right shape has an integer that is too long, or not an integer.
        wrong = next((row for row in rows if not _is_kline(row)), rows[0])
        raise MalformedPayload(f"{where}: not a kline: {describe(wrong)}") from None
    if (malformed := find_malformed(values)) is not None:
        raise MalformedPayload(f"{where}: not a kline: {describe(malformed)}")
    return values


def _is_kline(row: list[str]) -> bool:
    others = (*row[1:6], row[7], *row[9:11]) if len(row) == _KLINE_ITEMS else (None,)
    return all(isinstance(item, str) for item in others)


def _ascend(times: Sequence[int], is_before: Callable[[int, int], bool]) -> bool:
    return all(map(is_before, times, islice(times, 1, None)))


def _find_proven(
    where: str, span: Span, timeframe: Timeframe, rows: CandleRows, inside: CandleRows
) -> Span:
    # Only the ends matter, so the times between them are not converted.
    ends = [end for end in (rows.first_open_time, rows.last_open_time) if end is not None]
    proven = find_proven(span, ends, timeframe)
    # Rows on both sides of the span and none inside do not answer the request either.
    if proven is None or (ends and not inside.count):
        first_ms, last_ms = map(to_ms, ends)
        raise MalformedPayload(
            f"{where}: open times from {first_ms} to {last_ms} ms are not inside what was asked"
        )
    return proven


def _without_duplicates(rows: CandleRows) -> tuple[CandleRows, tuple[RejectedRow, ...]]:
    """The last row per open time, and the other rows."""
    kept: dict[datetime, str] = {}
    rejected = []
    for opens, line in zip(rows.open_times(), rows, strict=True):
        if opens in kept:
            rejected.append(RejectedRow(kept[opens], DUPLICATE_OPEN_TIME, opens))
        kept[opens] = line
    return CandleRows.of_lines(list(kept.values())), tuple(rejected)
