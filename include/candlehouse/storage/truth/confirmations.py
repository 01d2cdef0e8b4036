"""Ranges of stored candles that were compared with a better source, and the outcome.

A row is a range of one series, compared with one source, within one UTC day. Ranges that
touch or overlap are merged into one row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import DAY, Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A compared range.

    Attributes:
        span: half-open, on the slot grid.
        source: that the stored candles were compared with.
        candles: number of compared candles.
        differing: number of compared candles with different values.
    """

    series: Series
    span: Span
    source: Source
    candles: int
    differing: int


class Row(NamedTuple):
    """A stored range; within one UTC day."""

    span: Span
    checked_at: datetime
    candles: int
    differing: int


class _Key(NamedTuple):
    series: Series
    source: Source


def record_confirmations(
    connection: Connection, confirmations: Iterable[Confirmation], now: datetime
) -> None:
    """Adds compared ranges; stored ranges that touch them are merged with them.

    Candles that were compared twice count once: where a range lies within another the larger count
    is kept, and ranges that overlap otherwise count at most one candle per slot together.
    The caller holds the locks of the series and ends the transaction.

    Args:
        connection: in the caller's transaction.
        confirmations: in any order, of any series. Ranges longer than a day are split: their
            candles are spread evenly, and differing candles are assigned to the earliest days.
        now: the exchange's time.
    """
    fresh: dict[_Key, list[Row]] = defaultdict(list)
    for one in confirmations:
        pieces = split_days(Row(one.span, now, one.candles, one.differing))
        fresh[_Key(one.series, one.source)].extend(pieces)
    before = _select(connection, fresh)
    after = {
        key: add_rows(before.get(key, []), rows, key.series.timeframe)
        for key, rows in fresh.items()
    }
    _replace(connection, before, after)


def select_confirmed_until(
    connection: Connection, timeframe: Timeframe, symbols: Sequence[str]
) -> dict[str, datetime]:
    """Per symbol the end of the newest compared range, whatever the source."""
    parameters = {"timeframe": timeframe.value, "symbols": list(symbols)}
    rows = connection.execute(_SQL("select_confirmed_until"), parameters)
    return {row.symbol: row.confirmed_until for row in rows}


def select_unconfirmed(
    connection: Connection, timeframe: Timeframe, symbols: Sequence[str], since: datetime
) -> dict[str, Span]:
    """Per symbol the range from the first to the last streamed candle that was never compared.

    Args:
        connection: any.
        timeframe: of all the series.
        symbols: distinct.
        since: candles that opened earlier are ignored.

    Returns:
        Ranges on the slot grid, which may contain compared candles; symbols without an uncompared
        candle are left out.
    """
    parameters = {
        "timeframe": timeframe.value,
        "length": timeframe.length,
        "symbols": list(symbols),
        "since": since,
    }
    rows = connection.execute(_SQL("select_unconfirmed", timeframe), parameters)
    return {row.symbol: Span(row.first_slot, row.last_slot + timeframe.length) for row in rows}


def split_days(row: Row) -> Iterator[Row]:
    """Splits a row at every UTC midnight; an empty range yields nothing."""
    (start, end), done, differing = row.span, 0, row.differing
    at = start
    while at < end:
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
        stop = min(end, midnight)
        upto = row.candles * (stop - start) // (end - start)
        candles, done = upto - done, upto
        yield Row(Span(at, stop), row.checked_at, candles, min(candles, differing))
        differing -= min(candles, differing)
        at = stop


def add_rows(before: Sequence[Row], fresh: Iterable[Row], timeframe: Timeframe) -> list[Row]:
    """Merges `fresh` rows into the rows of one series and source.

    Args:
        before: sorted; no two of them touch within a day.
        fresh: in order of arrival, each within one UTC day.
        timeframe: of the series.

    Returns:
        Rows with the properties of `before`.
    """
    rows = list(before)
    for new in fresh:
        joined, apart = new, []
        for row in rows:
            if _touch(row.span, new.span):
                joined = _join(joined, row, timeframe)
            else:
                apart.append(row)
        rows = sorted([*apart, joined])
    return rows


def _touch(one: Span, other: Span) -> bool:
    same_day = one.start.date() == other.start.date()
    return same_day and one.start <= other.end and other.start <= one.end


def _join(one: Row, other: Row, timeframe: Timeframe) -> Row:
    span = Span(min(one.span.start, other.span.start), max(one.span.end, other.span.end))
    counts = []
    for first, second in ((one.candles, other.candles), (one.differing, other.differing)):
        if one.span.end == other.span.start or other.span.end == one.span.start:
            counts.append(first + second)
        elif span in (one.span, other.span):
            counts.append(max(first, second))
        else:
            slots = (span.end - span.start) // timeframe.length
            counts.append(min(first + second, max(slots, first, second)))
    return Row(span, max(one.checked_at, other.checked_at), *counts)


def _select(connection: Connection, fresh: dict[_Key, list[Row]]) -> dict[_Key, list[Row]]:
    ranges = [(key, rows) for key, rows in fresh.items() if rows]
    parameters = {
        **_columns([key for key, _ in ranges]),
        "starts": [min(row.span.start for row in rows) for _, rows in ranges],
        "ends": [max(row.span.end for row in rows) for _, rows in ranges],
    }
    found: dict[_Key, list[Row]] = defaultdict(list)
    for row in connection.execute(_SQL("select_confirmations"), parameters):
        key = _Key(Series(row.symbol, Timeframe(row.timeframe)), Source(row.source))
        span = Span(row.range_start, row.range_end)
        found[key].append(Row(span, row.checked_at, row.candles, row.differing))
    return found


def _replace(
    connection: Connection, before: dict[_Key, list[Row]], after: dict[_Key, list[Row]]
) -> None:
    starts = {(key, row.span.start) for key, rows in after.items() for row in rows}
    gone = [
        (key, row.span.start)
        for key, rows in before.items()
        for row in rows
        if (key, row.span.start) not in starts
    ]
    new = [
        (key, row) for key, rows in after.items() for row in rows if row not in before.get(key, [])
    ]
    if gone:
        parameters = {**_columns([key for key, _ in gone]), "starts": [start for _, start in gone]}
        connection.execute(_SQL("delete_confirmations"), parameters)
    if new:
        rows = [row for _, row in new]
        values = {
            **_columns([key for key, _ in new]),
            "starts": [row.span.start for row in rows],
            "ends": [row.span.end for row in rows],
            "checked": [row.checked_at for row in rows],
            "candles": [row.candles for row in rows],
            "differing": [row.differing for row in rows],
        }
        connection.execute(_SQL("upsert_confirmations"), values)


def _columns(keys: Sequence[_Key]) -> dict[str, object]:
    return {
        "symbols": [key.series.symbol for key in keys],
        "timeframes": [key.series.timeframe.value for key in keys],
        "sources": [key.source.value for key in keys],
    }
