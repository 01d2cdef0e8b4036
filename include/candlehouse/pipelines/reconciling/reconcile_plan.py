"""Which pages and files a reconciliation compares with what is stored."""

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
    """What is to be done about the published files.

    Attributes:
        fetches: files to load.
        settled: files that all was compared with, and after which nothing was stored or
            corrected: to be loaded only if they were replaced.
    """

    fetches: Sequence[Fetch]
    settled: Sequence[KnownFile]


def plan_rest(asked: Mapping[Series, Sequence[Span]], page_slots: int) -> list[Fetch]:
    """Full pages over all of the ranges, the first of each series before the second of any."""
    return interleave(
        {series: plan_pages(series, spans, page_slots) for series, spans in asked.items()}
    )


def plan_files(
    warehouse: Warehouse, asked: Mapping[Series, Span], now: datetime, reload: bool = False
) -> FilePlan:
    """The files over the ranges that may be published.

    Args:
        warehouse: to read from and to write to.
        asked: a range a series.
        now: the exchange's time.
        reload: load settled files, too.
    """
    by_timeframe: dict[Timeframe, dict[ArchiveFile, Span]] = defaultdict(dict)
    for series, span in asked.items():
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
