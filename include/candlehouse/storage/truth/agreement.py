"""Figures of the agreement between sources and stored candles, and candles that a source lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.gaps import merge_spans
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.published_files import ArchiveFile
from candlehouse.core.reconciling.agreement import Agreement
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)
_NOT_STORED = "none"

Ranges = Sequence[tuple[str, Span]]
"""Pairs of a symbol and a range."""


@dataclass(frozen=True, slots=True)
class Total:
    """The counts of a run for one compared source and one source of stored candles.

    Attributes:
        stored_from: None for candles that were not stored.
        compared: number of candles that both have.
        differing: number of compared candles with different values.
        held_only: number of stored candles that the source does not have.
        source_only: number of candles of the source that were not stored.
    """

    source: Source
    stored_from: Source | None
    compared: int
    differing: int
    held_only: int
    source_only: int


def next_run(connection: Connection) -> int:
    """A new run number, larger than all before."""
    return int(connection.execute(_SQL("next_run")).scalar_one())


def select_stored(
    connection: Connection, timeframe: Timeframe, ranges: Ranges
) -> dict[str, dict[datetime, Source]]:
    """The source of each candle stored in `ranges`, by symbol and open time."""
    stored: dict[str, dict[datetime, Source]] = defaultdict(dict)
    for row in connection.execute(_SQL("select_stored", timeframe), _ranges(ranges)):
        stored[row.symbol][row.open_time] = Source(row.source)
    return stored


def select_quarantined(
    connection: Connection, timeframe: Timeframe, source: Source, ranges: Ranges
) -> dict[str, frozenset[str]]:
    """The texts of a source's refused rows that open in or near `ranges`, by symbol."""
    values = {**_ranges(ranges), "timeframe": timeframe.value, "source": source.value}
    found: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(_SQL("select_quarantined"), values):
        found[row.symbol].add(row.raw)
    return {symbol: frozenset(texts) for symbol, texts in found.items()}


def record_agreements(
    connection: Connection,
    run: int,
    timeframe: Timeframe,
    source: Source,
    found: Sequence[tuple[str, Agreement]],
    now: datetime,
) -> None:
    """Records the figures of a run, in the transaction that stores the source's candles.

    Args:
        connection: in the caller's transaction.
        run: number from `next_run`.
        timeframe: of all the series.
        source: that the stored candles were compared with.
        found: pairs of symbol and agreement.
        now: the exchange's time.
    """
    values = {
        "run_id": run,
        "timeframe": timeframe.value,
        "source": source.value,
        "now": now,
        "symbols": [symbol for symbol, _ in found],
        "starts": [one.span.start for _, one in found],
        "ends": [one.span.end for _, one in found],
        "stored_sources": [
            _NOT_STORED if one.stored_from is None else one.stored_from.value for _, one in found
        ],
        "compared": [one.compared for _, one in found],
        "differing": [one.differing for _, one in found],
        "held_only": [one.held_only for _, one in found],
        "source_only": [one.source_only for _, one in found],
    }
    connection.execute(_SQL("insert_agreements"), values)


def record_unmatched(
    connection: Connection,
    timeframe: Timeframe,
    source: Source,
    ranges: Ranges,
    lacking: Mapping[str, Collection[datetime]],
    now: datetime,
) -> None:
    """Records which stored candles of `ranges` a source does not have; replaces earlier records.

    Args:
        connection: in the caller's transaction.
        timeframe: of all the series.
        source: that was asked for all of the ranges.
        ranges: disjoint per symbol.
        lacking: open times of these candles, by symbol.
        now: the exchange's time.
    """
    lone = [(symbol, opens) for symbol, times in lacking.items() for opens in times]
    values = {
        **_ranges(ranges),
        "timeframe": timeframe.value,
        "source": source.value,
        "now": now,
        "lone": [symbol for symbol, _ in lone],
        "open_times": [opens for _, opens in lone],
    }
    connection.execute(_SQL("delete_matched"), values)
    if lone:
        connection.execute(_SQL("upsert_unmatched"), values)


def select_settled(
    connection: Connection, timeframe: Timeframe, parts: Mapping[ArchiveFile, Span]
) -> frozenset[ArchiveFile]:
    """Files that were already compared with every candle stored in their part of the range.

    Args:
        connection: any.
        timeframe: of all the files.
        parts: per file the requested part.
    """
    if not parts:
        return frozenset()
    values = {
        **_ranges([(file.series.symbol, span) for file, span in parts.items()]),
        "timeframe": timeframe.value,
        "trees": [file.tree.value for file in parts],
        "periods": [file.start.date() for file in parts],
    }
    rows = connection.execute(_SQL("select_settled", timeframe), values)
    settled = {(row.symbol, row.range_start) for row in rows}
    return frozenset(
        file for file, span in parts.items() if (file.series.symbol, span.start) in settled
    )


def select_restated(connection: Connection, run: int) -> dict[Series, list[Span]]:
    """Ranges of days in which a run's files changed or added anything; disjoint, ascending."""
    found: dict[Series, list[Span]] = defaultdict(list)
    for row in connection.execute(_SQL("select_restated"), {"run_id": run}):
        series = Series(row.symbol, Timeframe(row.timeframe))
        found[series].append(Span(row.range_start, row.range_end))
    return {series: merge_spans(spans) for series, spans in found.items()}


def select_totals(connection: Connection, run: int) -> list[Total]:
    """A run's figures, by source compared with and source of what was stored."""
    return [
        Total(
            Source(row.source),
            None if row.stored_source == _NOT_STORED else Source(row.stored_source),
            int(row.compared),
            int(row.differing),
            int(row.held_only),
            int(row.source_only),
        )
        for row in connection.execute(_SQL("select_totals"), {"run_id": run})
    ]


def _ranges(ranges: Ranges) -> dict[str, object]:
    return {
        "symbols": [symbol for symbol, _ in ranges],
        "starts": [span.start for _, span in ranges],
        "ends": [span.end for _, span in ranges],
        "low": min(span.start for _, span in ranges),
        "high": max(span.end for _, span in ranges),
    }
