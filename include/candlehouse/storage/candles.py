"""Writes pages of candles, and says which slots are held."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection

from candlehouse.core.gaps import clamp_span, merge_spans, spans_of_slots
from candlehouse.core.model import Page, Series, Source, Span
from candlehouse.core.timeframe import DAY, Timeframe
from candlehouse.storage.database import driver_errors
from candlehouse.storage.queries import load_queries

if TYPE_CHECKING:
    import psycopg2.extensions

_SQL = load_queries("candles")


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch changed, in candles.

    Attributes:
        uneven: symbols whose rows are not one for each slot: some opened off the grid,
            or went to quarantine.
        equal: stored candles a symbol that the batch confirmed.
        differing: stored candles a symbol that had other values than the batch, whether
            they were corrected or not. Neither of these two counts in comparisons.
    """

    inserted: int = 0
    corrected: int = 0
    refused: int = 0
    quarantined: int = 0
    uneven: frozenset[str] = frozenset()
    equal: Mapping[str, int] = field(default_factory=dict, compare=False)
    differing: Mapping[str, int] = field(default_factory=dict, compare=False)

    def __add__(self, other: Written) -> Written:
        return Written(
            self.inserted + other.inserted,
            self.corrected + other.corrected,
            self.refused + other.refused,
            self.quarantined + other.quarantined,
            self.uneven | other.uneven,
            Counter(self.equal) + Counter(other.equal),
            Counter(self.differing) + Counter(other.differing),
        )


def lock_key(series: Series) -> str:
    """What every writer of `series` hashes to the key of its advisory lock."""
    return f"candlehouse {series}"


def lock_series(connection: Connection, series: Iterable[Series]) -> None:
    """Makes this transaction the only writer of `series` until it ends."""
    keys = [lock_key(one) for one in sorted(set(series), key=str)]
    connection.execute(_SQL("lock_series"), {"keys": keys})


def write_candles(connection: Connection, pages: Sequence[Page]) -> Written:
    """Stores pages of one timeframe and one source; equal rows change nothing.

    A stored candle that differs is replaced when the new source ranks at least as high
    (archive, rest, stream), and what was before stays in `corrections`; a lower source
    is recorded there as refused. Days are recounted in the same transaction.

    The caller holds the locks of the series and ends the transaction.
    """
    filled = [page for page in pages if page.count]
    rejected = _quarantine_rejected(connection, pages)
    if not filled:
        return Written(quarantined=rejected)
    timeframe, source = filled[0].series.timeframe, filled[0].source
    _copy(connection, filled)
    bounds = {
        "timeframe": timeframe.value,
        "source": source.value,
        **_ranges([(page.series.symbol, page.span) for page in filled]),
        "length_ms": timeframe.length_ms,
    }
    uneven = frozenset(connection.execute(_SQL("select_uneven"), bounds).scalars())
    quarantined = corrected = refused = 0
    equal: dict[str, int] = {}
    differing: dict[str, int] = {}
    if uneven:
        quarantined = connection.execute(_SQL("quarantine_impossible"), bounds).rowcount
    connection.execute(_SQL("create_stored"))
    if connection.execute(_SQL("load_stored", timeframe), bounds).rowcount:
        equal = {row.symbol: row.candles for row in connection.execute(_SQL("drop_equal"))}
        corrected, refused, differing = _correct(connection, timeframe, bounds)
    inserted = connection.execute(_SQL("insert_new", timeframe), bounds).rowcount
    if inserted:
        connection.execute(_SQL("recount_days", timeframe), {**bounds, "length": timeframe.length})
        connection.execute(_SQL("touch_collector_state"), bounds)
    return Written(inserted, corrected, refused, quarantined + rejected, uneven, equal, differing)


def _copy(connection: Connection, pages: Sequence[Page]) -> None:
    connection.execute(_SQL("create_staging"))
    text = io.StringIO("".join(page.rows for page in pages))
    with driver_errors(connection.engine):
        # SQLAlchemy's view of a driver does not know COPY.
        cursor = cast("psycopg2.extensions.cursor", connection.connection.cursor())
        cursor.copy_expert(_SQL.sql("copy_staging"), text)
        cursor.close()


def _quarantine_rejected(connection: Connection, pages: Sequence[Page]) -> int:
    rows = [
        {
            "symbol": page.series.symbol,
            "timeframe": page.series.timeframe.value,
            "open_time": row.open_time,
            "source": page.source.value,
            "rule": row.rule,
            "raw": row.raw,
        }
        for page in pages
        for row in page.rejected
    ]
    if rows:
        connection.execute(_SQL("quarantine_row"), rows)
    return len(rows)


def _correct(
    connection: Connection, timeframe: Timeframe, bounds: Mapping[str, object]
) -> tuple[int, int, dict[str, int]]:
    """Deals with rows that are stored with other values.

    Returns:
        How many changed, how many were newly refused, and how many there were a symbol.
    """
    differing = connection.execute(_SQL("select_differing"), bounds).all()
    if not differing:
        return 0, 0, {}
    recorded = connection.execute(_SQL("record_corrections"), bounds).rowcount
    connection.execute(_SQL("lift_decompression_limit"))
    corrected = 0
    for row in differing:
        if row.outranks:
            of_symbol = {**bounds, "symbol": row.symbol, "low": row.low, "high": row.high}
            changed = connection.execute(_SQL("apply_corrections", timeframe), of_symbol)
            corrected += changed.rowcount
    connection.execute(_SQL("drop_stored"))
    return corrected, recorded - corrected, {row.symbol: row.candles for row in differing}


def select_held(
    connection: Connection, timeframe: Timeframe, asked: Mapping[str, Span]
) -> dict[str, list[Span]]:
    """Which slots are held, a symbol at a time, within the range asked of each.

    Whole days come from their counts; only days that are short are looked into.

    Args:
        connection: any.
        timeframe: of all the series.
        asked: a range a symbol, on the slot grid.

    Returns:
        Sorted, disjoint spans a symbol; symbols that hold nothing are left out.
    """
    if not asked:
        return {}
    parameters = {
        "timeframe": timeframe.value,
        "symbols": sorted(asked),
        "slots_per_day": timeframe.slots_per_day,
        "low": min(span.start for span in asked.values()),
        "high": max(span.end for span in asked.values()),
    }
    held: dict[str, list[Span]] = defaultdict(list)
    short: list[tuple[str, Span]] = []
    for row in connection.execute(_SQL("select_held_islands"), parameters):
        days = Span(_midnight(row.first_day), _midnight(row.last_day) + DAY)
        span = clamp_span(days, asked[row.symbol])
        if span is None:
            continue
        if row.whole:
            held[row.symbol].append(span)
        else:
            short.append((row.symbol, span))
    for symbol, spans in select_slots(connection, timeframe, short).items():
        held[symbol].extend(spans)
    return {symbol: merge_spans(spans) for symbol, spans in held.items()}


def select_slots(
    connection: Connection, timeframe: Timeframe, ranges: Sequence[tuple[str, Span]]
) -> dict[str, list[Span]]:
    """The slots held in `ranges`, read from the candles themselves.

    Returns:
        Sorted, disjoint spans a symbol, inside that symbol's ranges.
    """
    if not ranges:
        return {}
    parameters = {"length": timeframe.length, **_ranges(ranges)}
    slots: dict[str, list[datetime]] = defaultdict(list)
    for row in connection.execute(_SQL("select_slots", timeframe), parameters):
        slots[row.symbol].append(row.slot)
    return {symbol: spans_of_slots(found, timeframe) for symbol, found in slots.items()}


def _ranges(ranges: Sequence[tuple[str, Span]]) -> dict[str, object]:
    return {
        "symbols": [symbol for symbol, _ in ranges],
        "starts": [span.start for _, span in ranges],
        "ends": [span.end for _, span in ranges],
        "low": min(span.start for _, span in ranges),
        "high": max(span.end for _, span in ranges),
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def batch_pages(pages: Iterable[Page]) -> list[list[Page]]:
    """Groups pages that one `write_candles` may take: one timeframe and one source."""
    groups: dict[tuple[Timeframe, Source], list[Page]] = defaultdict(list)
    for page in pages:
        groups[page.series.timeframe, page.source].append(page)
    return list(groups.values())
