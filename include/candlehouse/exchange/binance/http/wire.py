"""Klines on the wire: what arrives as a kline becomes a line of a page, text through.

Nothing is converted here: a price goes to the database in the characters in which
the exchange sent it. What does not have the documented shape is refused as a whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice
from operator import le, lt
from typing import cast

from candlehouse.core.candles.candle_rows import (
    VALUE_COLUMNS,
    CandleRows,
    find_malformed,
    join_columns,
    make_line,
)
from candlehouse.core.errors import MalformedPayload
from candlehouse.core.judging.proof import find_proven
from candlehouse.core.model import Page, RejectedRow, Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME
from candlehouse.core.timeframe import from_ms, to_ms

# A kline has the columns of a candle in their order, and a last item that is not kept.
_KLINE_ITEMS = len(VALUE_COLUMNS) + 1


def parse_klines(series: Series, span: Span, payload: object, limit: int) -> Page:
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
    values = _checked_values(where, payload)
    times = [int(row[0]) for row in payload]
    inside = _find_inside(where, span, times)
    proven = _find_proven(where, series, span, times, inside)
    values, rejected = _without_duplicates(series, values[inside], times[inside])
    return Page(
        series=series,
        span=proven,
        source=Source.REST,
        rows=CandleRows.of_values(series.symbol, values),
        rejected=rejected,
    )


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


def _find_inside(where: str, span: Span, times: Sequence[int]) -> slice:
    """Which rows open inside what was asked for."""
    if not all(map(le, times, islice(times, 1, None))):
        raise MalformedPayload(f"{where}: open times do not ascend")
    return slice(bisect_left(times, to_ms(span.start)), bisect_left(times, to_ms(span.end)))


def _find_proven(
    where: str, series: Series, span: Span, times: Sequence[int], inside: slice
) -> Span:
    # The ends alone matter: a page of a thousand times would be converted for nothing.
    ends = [from_ms(opens) for opens in (*times[:1], *times[-1:])]
    proven = find_proven(span, ends, series.timeframe)
    # Rows on both sides and none between them are no answer to this question either.
    if proven is None or (times and not times[inside]):
        raise MalformedPayload(
            f"{where}: open times from {times[0]} to {times[-1]} ms are not inside what was asked"
        )
    return proven


def _without_duplicates(
    series: Series, values: list[str], times: Sequence[int]
) -> tuple[list[str], tuple[RejectedRow, ...]]:
    if all(map(lt, times, islice(times, 1, None))):
        return values, ()
    last = dict(zip(times, values, strict=True))
    positions = {opens: position for position, opens in enumerate(times)}
    rejected = tuple(
        RejectedRow(make_line(series.symbol, one), DUPLICATE_OPEN_TIME, from_ms(opens))
        for position, (opens, one) in enumerate(zip(times, values, strict=True))
        if positions[opens] != position
    )
    return list(last.values()), rejected
