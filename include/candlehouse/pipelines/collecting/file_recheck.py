"""Checks whether the published files that were loaded have been replaced since.

The exchange has replaced files weeks after their publication, because they ended too early or
had wrong rows. A replaced file is loaded again; each candle that differs leaves its values
before and after in `market.corrections`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.errors import FileMissing, MalformedPayload
from candlehouse.core.gaps import clamp_span, overlap
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.fetch_plan import Fetch
from candlehouse.core.planning.published_files import (
    ArchiveFile,
    FileState,
    KnownFile,
    Tree,
)
from candlehouse.core.ports import CandleArchive
from candlehouse.core.task_groups import run_together
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.fetching.archive_fetching import (
    CONCURRENT_FILES,
    OUT_OF_REACH,
    ArchiveLoader,
)
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.storage.candles.page_writer import Written
from candlehouse.storage.truth.loaded_files import record_problem, record_unchanged, select_files
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ChecksumReport:
    """Loaded files, by what comparing their checksums with the published ones has found.

    Attributes:
        unchanged: files that are published with the checksum they were loaded with.
        replaced: files that are published with another checksum now.
        problems: for each file without a published checksum, the reason.
        closed: why the archive is out of reach; the files after that were not checked.
    """

    unchanged: list[ArchiveFile] = field(default_factory=list)
    replaced: list[ArchiveFile] = field(default_factory=list)
    problems: dict[ArchiveFile, str] = field(default_factory=dict)
    closed: Exception | None = None


async def recheck_files(
    warehouse: Warehouse,
    archive: CandleArchive,
    requested: Mapping[Series, Span],
    now: datetime,
    grace: timedelta,
) -> Written:
    """Loads files again whose published checksum has changed.

    Files of the last 60 days are checked, each once a day. When the archive is out of reach, the
    remaining files are left to the next run.

    Args:
        warehouse: to read from and to write to.
        archive: that the files came from.
        requested: one half-open range per series; only candles inside it are stored.
        now: the exchange's time.
        grace: as in `store.store_pages`.

    Returns:
        How many candles were written, from the replaced files alone.
    """
    due = await warehouse.in_thread(select_due, requested, now)
    checked = await compare_checksums(warehouse, archive, due, now)
    fetches = [
        Fetch(file.series, span, Source.ARCHIVE, file)
        for file in checked.replaced
        if (span := clamp_span(file.span, requested[file.series]))
    ]
    report = CollectReport()
    # A day may be in a monthly and in a daily file, and one batch must not hold a slot twice.
    for tree in Tree:
        loader = ArchiveLoader(warehouse, archive, now, CollectOptions(grace=grace), report)
        await loader.run([fetch for fetch in fetches if fetch.file and fetch.file.tree is tree])
    if due:
        _log.info("%s files checked, %s replaced", len(due), len(checked.replaced))
    return report.written


async def compare_checksums(
    warehouse: Warehouse, archive: CandleArchive, known: Sequence[KnownFile], now: datetime
) -> ChecksumReport:
    """Compares the checksums of loaded files with those published now.

    Unchanged and missing files are recorded as such in `market.archive_files`.

    Args:
        warehouse: to read from and to write to.
        archive: that the files came from.
        known: loaded files with the checksums that they had.
        now: the exchange's time.
    """
    comparison = _ChecksumComparison(warehouse, archive, now)
    todo = iter(known)
    await run_together(*(comparison.work(todo) for _ in range(min(CONCURRENT_FILES, len(known)))))
    await warehouse.write_in_thread(comparison.record_unchanged)
    return comparison.found


def select_due(
    warehouse: Warehouse, requested: Mapping[Series, Span], now: datetime
) -> list[KnownFile]:
    """Loaded files of the requested ranges whose checksum is due to be compared again.

    Args:
        warehouse: to read from.
        requested: one half-open range per series.
        now: the exchange's time.
    """
    by_timeframe: dict[Timeframe, list[str]] = {}
    for series in requested:
        by_timeframe.setdefault(series.timeframe, []).append(series.symbol)
    lately = Span(now - VENUE.archive.settled_after, now)
    found: list[KnownFile] = []
    with warehouse.read() as connection:
        for timeframe, symbols in by_timeframe.items():
            found += select_files(connection, timeframe, symbols, lately).values()
    return [
        known
        for known in found
        if known.state is FileState.LOADED
        and known.file.span.end > lately.start
        and known.is_due(now, VENUE.archive)
        and overlap(known.file.span, requested[known.file.series])
    ]


class _ChecksumComparison:
    """Compares checksums for several workers, which share one iterator of files."""

    def __init__(self, warehouse: Warehouse, archive: CandleArchive, now: datetime) -> None:
        self._warehouse = warehouse
        self._archive = archive
        self._now = now
        self.found = ChecksumReport()

    async def work(self, todo: Iterator[KnownFile]) -> None:
        for known in todo:
            if self.found.closed is not None:
                return
            try:
                checksum = await self._archive.fetch_checksum(known.file)
            except (FileMissing, MalformedPayload) as error:
                _log.warning("a file that was loaded is no longer published: %s", error)
                self.found.problems[known.file] = str(error)
                await self._warehouse.write_in_thread(self._record_problem, known.file, str(error))
            except OUT_OF_REACH as error:
                _log.warning("the archive is out of reach, files are not checked: %s", error)
                self.found.closed = error
            else:
                if checksum == known.sha256:
                    self.found.unchanged.append(known.file)
                else:
                    _log.warning("%s was replaced by its publisher", known.file)
                    self.found.replaced.append(known.file)

    def record_unchanged(self, connection: Connection) -> None:
        record_unchanged(connection, self.found.unchanged, self._now)

    def _record_problem(self, connection: Connection, file: ArchiveFile, problem: str) -> None:
        url = self._archive.locate(file)
        record_problem(connection, file, url, FileState.MISSING, problem, self._now)
