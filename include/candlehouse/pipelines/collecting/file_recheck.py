"""Looks whether files that were loaded are still the ones that are published.

The exchange has replaced files weeks after their publication: those that ended too early,
and those with wrong rows. What changed is stored again; each candle that differs leaves
before and after in `corrections`.
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
    ArchiveLane,
)
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.storage.candles.page_writer import Written
from candlehouse.storage.truth.loaded_files import record_problem, record_unchanged, select_files
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Looked:
    """What looking at files that were loaded has found.

    Attributes:
        unchanged: still published as they were loaded.
        replaced: published with another checksum now.
        problems: why, of those whose checksum is not to be had any more.
        closed: why the archive is out of reach; the files after that were not looked at.
    """

    unchanged: list[ArchiveFile] = field(default_factory=list)
    replaced: list[ArchiveFile] = field(default_factory=list)
    problems: dict[ArchiveFile, str] = field(default_factory=dict)
    closed: Exception | None = None


async def recheck_files(
    warehouse: Warehouse,
    archive: CandleArchive,
    asked: Mapping[Series, Span],
    now: datetime,
    grace: timedelta,
) -> Written:
    """Loads those files again whose published checksum is another one now.

    Looked at are files of the last 60 days, each once a day. An archive that is out of
    reach ends the looking, and nothing else: the next run goes on.

    Args:
        warehouse: to read from and to write to.
        archive: that the files came from.
        asked: a range a series; of a file only what lies in it is stored.
        now: the exchange's time.
        grace: as in `store.store_pages`.
    """
    due = await warehouse.in_thread(select_due, asked, now)
    looked = await look_at_files(warehouse, archive, due, now)
    fetches = [
        Fetch(file.series, span, Source.ARCHIVE, file)
        for file in looked.replaced
        if (span := clamp_span(file.span, asked[file.series]))
    ]
    report = CollectReport()
    # A day may be in two files, and one batch of the lane holds no slot twice.
    for tree in Tree:
        lane = ArchiveLane(warehouse, archive, now, CollectOptions(grace=grace), report)
        await lane.run([fetch for fetch in fetches if fetch.file and fetch.file.tree is tree])
    if due:
        _log.info("%s files looked at, %s replaced", len(due), len(looked.replaced))
    return report.written


async def look_at_files(
    warehouse: Warehouse, archive: CandleArchive, known: Sequence[KnownFile], now: datetime
) -> Looked:
    """Compares the checksums of files that were loaded with those published now.

    What was found of those that did not change, or are gone, is on record afterwards.

    Args:
        warehouse: to read from and to write to.
        archive: that the files came from.
        known: files that were loaded.
        now: the exchange's time.
    """
    look = _Look(warehouse, archive, now)
    todo = iter(known)
    await run_together(*(look.work(todo) for _ in range(min(CONCURRENT_FILES, len(known)))))
    await warehouse.write_in_thread(look.record_unchanged)
    return look.found


def select_due(
    warehouse: Warehouse, asked: Mapping[Series, Span], now: datetime
) -> list[KnownFile]:
    """Files that were loaded and that it is time to look at again."""
    by_timeframe: dict[Timeframe, list[str]] = {}
    for series in asked:
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
        and overlap(known.file.span, asked[known.file.series])
    ]


class _Look:
    """What the looking has found so far."""

    def __init__(self, warehouse: Warehouse, archive: CandleArchive, now: datetime) -> None:
        self._warehouse = warehouse
        self._archive = archive
        self._now = now
        self.found = Looked()

    async def work(self, todo: Iterator[KnownFile]) -> None:
        for known in todo:
            if self.found.closed is not None:
                return
            try:
                checksum = await self._archive.fetch_checksum(known.file)
            except (FileMissing, MalformedPayload) as error:
                _log.warning("loaded earlier, and not to be had now: %s", error)
                self.found.problems[known.file] = str(error)
                await self._warehouse.write_in_thread(self._record_problem, known.file, str(error))
            except OUT_OF_REACH as error:
                _log.warning("not looked at again: %s", error)
                self.found.closed = error
            else:
                if checksum == known.sha256:
                    self.found.unchanged.append(known.file)
                else:
                    _log.warning("%s was replaced", known.file)
                    self.found.replaced.append(known.file)

    def record_unchanged(self, connection: Connection) -> None:
        record_unchanged(connection, self.found.unchanged, self._now)

    def _record_problem(self, connection: Connection, file: ArchiveFile, problem: str) -> None:
        url = self._archive.locate(file)
        record_problem(connection, file, url, FileState.MISSING, problem, self._now)
