"""Klines on the wire: what arrives as a kline becomes a line of a page, text through.

Nothing is converted here: a price goes to the database in the characters in which
the exchange sent it. What does not have the documented shape is refused as a whole.
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

# A kline has the columns of a candle in their order, and a last item that is not kept.
_KLINE_ITEMS = len(VALUE_COLUMNS) + 1


def parse_klines(series: Series, span: Span, payload: object, limit: int) -> RestPage:
    """Checks the answer of a klines request and turns it into a page.

    Two rows of one open time are a known fault of old data: the last one is kept, the
    others are in `rejected`. A row off the slot grid is genuine and kept. Rows that open
    outside `span` were not asked for and are left out.

    Args:
        series: that was asked for.
        span: open times that were asked for, half-open.
        payload: the decoded JSON; integers may be text.
        limit: how many rows were asked for at most; at least 1.

    Returns:
        A page whose span is the part of `span` that the answer proves (`core.judging.proof`).

    Raises:
        MalformedPayload: when it is not a list of at most `limit` klines that ascend, or
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
    """A few words on an unexpected payload, for error messages."""
    try:
        text = repr(payload)
    except (ValueError, RecursionError):
        # An integer of thousands of digits, or lists within lists.
        text = "that is too large to be shown"
    return f"{type(payload).__name__} {text if len(text) <= 80 else text[:77] + '...'}"


def _checked_values(where: str, payload: list[object]) -> list[str]:
    """The joined values of each kline."""
    rows = cast("list[list[str]]", payload)
    if not set(map(type, rows)) <= {list}:
        wrong = next(row for row in rows if type(row) is not list)
        raise MalformedPayload(f"{where}: a kline is not a list but {describe(wrong)}")
    try:
        values = [
            # Only the three integers are made text: joining refuses any number elsewhere.
            join_columns((str(opens), o, h, low, c, v, str(closes), q, str(n), tb, tq))
            for opens, o, h, low, c, v, closes, q, n, tb, tq, _ in rows
        ]
    except (ValueError, TypeError, RecursionError):
        # Of one that has the right shape an integer is too long, or no integer at all.
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
    # The ends alone matter: a page of a thousand times would be converted for nothing.
    ends = [end for end in (rows.first_open_time, rows.last_open_time) if end is not None]
    proven = find_proven(span, ends, timeframe)
    # Rows on both sides and none between them are no answer to this question either.
    if proven is None or (ends and not inside.count):
        first_ms, last_ms = map(to_ms, ends)
        raise MalformedPayload(
            f"{where}: open times from {first_ms} to {last_ms} ms are not inside what was asked"
        )
    return proven


def _without_duplicates(rows: CandleRows) -> tuple[CandleRows, tuple[RejectedRow, ...]]:
    """The last row of each open time, and the others."""
    kept: dict[datetime, str] = {}
    rejected = []
    for opens, line in zip(rows.open_times(), rows, strict=True):
        if opens in kept:
            rejected.append(RejectedRow(kept[opens], DUPLICATE_OPEN_TIME, opens))
        kept[opens] = line
    return CandleRows.of_lines(list(kept.values())), tuple(rejected)
