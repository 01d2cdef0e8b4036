"""Chooses the REST pages and published files that a reconciliation compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from candlehouse.core.gaps import clamp_span
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.fetch_plan import Fetch, interleave, plan_pages
from candlehouse.core.planning.published_files import ArchiveFile, FileState, KnownFile
from candlehouse.core.reconciling.agreement import choose_files
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.storage.truth.agreement import select_settled
from candlehouse.storage.truth.loaded_files import select_files
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a reconciliation does with the published files.

    Attributes:
        fetches: files to load, in the order in which to load them.
        settled: files that were compared, and since when no candle of theirs was stored or
            corrected: they are loaded only if they were replaced.
    """

    fetches: Sequence[Fetch]
    settled: Sequence[KnownFile]


def plan_rest(requested: Mapping[Series, Sequence[Span]], page_slots: int) -> list[Fetch]:
    """Full pages over all of the ranges, round-robin over the series.

    Args:
        requested: half-open ranges per series, on the slot grid.
        page_slots: candles per page, 1 to 1000.
    """
    return interleave(
        {series: plan_pages(series, spans, page_slots) for series, spans in requested.items()}
    )


def plan_files(
    warehouse: Warehouse, requested: Mapping[Series, Span], now: datetime, reload: bool = False
) -> FilePlan:
    """The files that cover the ranges and may be published by now.

    Args:
        warehouse: to read from and to write to.
        requested: one half-open range per series.
        now: the exchange's time.
        reload: load settled files too, whether or not they were replaced.
    """
    by_timeframe: dict[Timeframe, dict[ArchiveFile, Span]] = defaultdict(dict)
    for series, span in requested.items():
        for file in choose_files(series, span, now, VENUE.archive):
            if part := clamp_span(file.span, span):
                by_timeframe[series.timeframe][file] = part
    fetches: dict[Series, list[Fetch]] = defaultdict(list)
    settled: list[KnownFile] = []
    with warehouse.read() as connection:
        for timeframe, parts in by_timeframe.items():
            bounds = Span(min(file.start for file in parts), max(file.span.end for file in parts))
            symbols = sorted({file.series.symbol for file in parts})
            known = select_files(connection, timeframe, symbols, bounds)
            loaded = {
                file: part
                for file, part in parts.items()
                if file in known and known[file].state is FileState.LOADED
            }
            done = frozenset() if reload else select_settled(connection, timeframe, loaded)
            settled += [known[file] for file in loaded if file in done]
            for file, part in parts.items():
                if file not in done:
                    fetches[file.series].append(Fetch(file.series, part, Source.ARCHIVE, file))
    return FilePlan(interleave(fetches), settled)
