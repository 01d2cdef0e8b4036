"""Looks whether files that were loaded are still the ones that are published.

The exchange has replaced files weeks after their publication: those that ended too early,
and those with wrong rows. What changed is stored again; each candle that differs leaves
before and after in `corrections`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Engine

from candlehouse.core.archives import SETTLED_AFTER, ArchiveFile, FileState, KnownFile
from candlehouse.core.errors import FileMissing, MalformedPayload
from candlehouse.core.gaps import clamp_span
from candlehouse.core.model import Series, Span
from candlehouse.core.ports import CandleArchive
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.archive_lane import CONCURRENT_FILES, OUT_OF_REACH
from candlehouse.pipelines.filing import store_answers
from candlehouse.pipelines.lanes import run_together
from candlehouse.storage.archives import record_problem, record_unchanged, select_files
from candlehouse.storage.candles import Written
from candlehouse.storage.durability import flush

_log = logging.getLogger(__name__)


async def recheck_files(
    engine: Engine,
    archive: CandleArchive,
    asked: Mapping[Series, Span],
    now: datetime,
    grace: timedelta,
) -> Written:
    """Loads those files again whose published checksum is another one now.

    Looked at are files of the last 60 days, each once a day. An archive that is out of
    reach ends the looking, and nothing else: the next run goes on.

    Args:
        engine: of the warehouse.
        archive: that the files came from.
        asked: a range a series; of a file only what lies in it is stored.
        now: the exchange's time.
        grace: as in `store.store_pages`.
    """
    due = await asyncio.to_thread(_select_due, engine, asked, now)
    check = _Recheck(engine, archive, asked, now, grace)
    todo = iter(due)
    await run_together(*(check.work(todo) for _ in range(min(CONCURRENT_FILES, len(due)))))
    await asyncio.to_thread(check.record_unchanged)
    await asyncio.to_thread(flush, engine)
    if due:
        _log.info("%s files looked at, %s replaced", len(due), check.replaced)
    return check.written


def _select_due(engine: Engine, asked: Mapping[Series, Span], now: datetime) -> list[KnownFile]:
    by_timeframe: dict[Timeframe, list[str]] = {}
    for series in asked:
        by_timeframe.setdefault(series.timeframe, []).append(series.symbol)
    lately = Span(now - SETTLED_AFTER, now)
    found: list[KnownFile] = []
    with engine.connect() as connection:
        for timeframe, symbols in by_timeframe.items():
            found += select_files(connection, timeframe, symbols, lately).values()
    return [
        known
        for known in found
        if known.state is FileState.LOADED
        and known.file.span.end > lately.start
        and known.checked_at + known.look_again_after <= now
    ]


class _Recheck:
    """What the looking has found so far."""

    def __init__(
        self,
        engine: Engine,
        archive: CandleArchive,
        asked: Mapping[Series, Span],
        now: datetime,
        grace: timedelta,
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._asked = asked
        self._now = now
        self._grace = grace
        self._unchanged: list[ArchiveFile] = []
        self._closed = False
        self.written = Written()
        self.replaced = 0

    async def work(self, todo: Iterator[KnownFile]) -> None:
        for known in todo:
            if self._closed:
                return
            try:
                await self._look(known)
            except (FileMissing, MalformedPayload) as error:
                _log.warning("loaded earlier, and not to be had now: %s", error)
                await asyncio.to_thread(self._record_problem, known.file, str(error))
            except OUT_OF_REACH as error:
                _log.warning("not looked at again: %s", error)
                self._closed = True

    async def _look(self, known: KnownFile) -> None:
        file = known.file
        span = clamp_span(file.span, self._asked[file.series])
        if span is None or await self._archive.fetch_checksum(file) == known.sha256:
            self._unchanged.append(file)
            return
        answer = await self._archive.fetch_file(file, span)
        written = await asyncio.to_thread(
            store_answers, self._engine, self._archive, [answer], self._now, self._grace
        )
        _log.warning(
            "%s was replaced: %s candles of it are new, %s differed",
            file, written.inserted, written.corrected,
        )  # fmt: skip
        self.written += written
        self.replaced += 1

    def record_unchanged(self) -> None:
        with self._engine.begin() as connection:
            record_unchanged(connection, self._unchanged, self._now)

    def _record_problem(self, file: ArchiveFile, problem: str) -> None:
        with self._engine.begin() as connection:
            url = self._archive.locate(file)
            record_problem(connection, file, url, FileState.MISSING, problem, self._now)
