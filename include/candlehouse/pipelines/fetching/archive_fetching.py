"""Carries out what a plan asks of the exchange's archive.

Nothing here fails a series: what a file does not bring, for whatever reason, is asked of
another source afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.errors import (
    ExchangeUnavailable,
    FileMissing,
    MalformedPayload,
    RateLimited,
    RequestRejected,
)
from candlehouse.core.gaps import count_slots
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.fetch_plan import Fetch
from candlehouse.core.planning.published_files import FileAnswer, FileState
from candlehouse.core.ports import CandleArchive
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.fetching.file_storing import store_answers
from candlehouse.pipelines.fetching.left_over import Left
from candlehouse.pipelines.fetching.writer_queues import WriterQueues
from candlehouse.storage.database.durability import flush
from candlehouse.storage.truth.loaded_files import record_problem
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Files under way: enough to hide the answer times of a distant server.
CONCURRENT_FILES = 16

# After one of these nothing more is asked of the archive for the time being.
OUT_OF_REACH = (ExchangeUnavailable, RateLimited, RequestRejected)

# Candles of one transaction: fewer cost round trips, more cost memory and hold locks longer.
# A year of 5m; in the server's memory it has 20 MB.
_BATCH_CANDLES = 110_000
_MOST_HELD_FILES = 12
# A connection each. Storing is what takes most of the time, and it is the server's.
_WRITERS = max(2, min(8, os.cpu_count() or 2))


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that brought nothing, and why."""

    fetch: Fetch
    state: FileState
    problem: str


_Item = FileAnswer | FileFailure


class ArchiveLoader:
    """Downloads several files at once, and stores them by several writers, by series.

    Attributes:
        closed: why the archive is out of reach, None while it is not.
        failures: files that are not published, or broken.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        archive: CandleArchive,
        now: datetime,
        options: CollectOptions,
        report: CollectReport,
    ) -> None:
        self._warehouse = warehouse
        self._archive = archive
        self._now = now
        self._options = options
        self._report = report
        self._writers: dict[Series, int] = {}
        self._unanswered: dict[Series, list[Span]] = defaultdict(list)
        self._lacking: dict[Series, list[Span]] = defaultdict(list)
        self.closed: Exception | None = None
        self.failures: list[FileFailure] = []

    @property
    def left(self) -> Left:
        """What the files did not bring."""
        return Left(self._unanswered, self._lacking, self.closed is not None)

    async def run(self, fetches: Sequence[Fetch]) -> None:
        """Until every file is stored, and that on disk, or known not to be had.

        Raises:
            DatabaseUnavailable: what came until then is stored.
            WrongExchange: when another exchange answers.
        """
        # Two writers of one series would only wait for each other. A series of each after the
        # other: their candles then go to the end of an index, which costs a twentieth less
        # than between others.
        for series in sorted({fetch.series for fetch in fetches}, key=str):
            self._writers[series] = len(self._writers)
        todo = iter(sorted(fetches, key=self._turn))
        queues = WriterQueues[_Item](_WRITERS, _count_held(fetches), _belongs, self._store)
        await queues.run(self._fetch(queues, todo) for _ in range(CONCURRENT_FILES))
        await asyncio.to_thread(flush, self._warehouse.engine)

    def _turn(self, fetch: Fetch) -> tuple[int, Span, int]:
        """Sorts files: each writer gets one in turn, so that none waits and all end together."""
        rank = self._writers[fetch.series]
        return rank // _WRITERS, fetch.span, rank

    async def _fetch(self, queues: WriterQueues[_Item], todo: Iterator[Fetch]) -> None:
        for fetch in todo:
            if self.closed is not None:
                self._unanswered[fetch.series].append(fetch.span)
            elif (item := await self._try(fetch)) is not None:
                await queues.put(item, self._writers[fetch.series])

    async def _try(self, fetch: Fetch) -> _Item | None:
        assert fetch.file is not None
        try:
            answer = await self._archive.fetch_file(fetch.file, fetch.span)
        except FileMissing as error:
            _log.info("not published: %s", error)
            failure = FileFailure(fetch, FileState.MISSING, str(error))
        except MalformedPayload as error:
            _log.warning("not used: %s", error)
            failure = FileFailure(fetch, FileState.BROKEN, str(error))
        except OUT_OF_REACH as error:
            if self.closed is None:
                _log.warning("going on without the archive: %s", error)
            self.closed = error
            self._unanswered[fetch.series].append(fetch.span)
            return None
        else:
            if answer.page.count < count_slots([fetch.span], fetch.series.timeframe):
                self._unanswered[fetch.series].append(fetch.span)
                self._lacking[fetch.series].append(fetch.span)
            return answer
        self._unanswered[fetch.series].append(fetch.span)
        self.failures.append(failure)
        return failure

    async def _store(self, batch: Sequence[_Item]) -> None:
        answers = [item for item in batch if isinstance(item, FileAnswer)]
        failures = [item for item in batch if isinstance(item, FileFailure)]
        if failures:
            await self._warehouse.write_in_thread(self._record, failures)
        if not answers:
            return
        written = await self._warehouse.in_thread(
            store_answers,
            self._archive,
            answers,
            self._now,
            self._options.grace,
            self._options.run,
        )
        # Added afterwards, for other writers add theirs meanwhile.
        self._report.written += written
        self._report.files += len(answers)
        self._options.advance(
            sum(count_slots([a.page.span], a.file.series.timeframe) for a in answers)
        )

    def _record(self, connection: Connection, failures: Sequence[FileFailure]) -> None:
        for failure in failures:
            file = failure.fetch.file
            assert file is not None
            url = self._archive.locate(file)
            record_problem(connection, file, url, failure.state, failure.problem, self._now)


def _count_held(fetches: Sequence[Fetch]) -> int:
    """Files that wait for a writer: a batch of them, for the next one to be full."""
    sizes = [count_slots([fetch.span], fetch.series.timeframe) for fetch in fetches]
    return max(1, min(_MOST_HELD_FILES, _BATCH_CANDLES // max(sizes, default=1)))


def _belongs(batch: Sequence[_Item], following: _Item) -> bool:
    """Whether it can be in one transaction with the batch, and that is not too long."""
    candles = sum(map(_size, batch)) + _size(following)
    return candles <= _BATCH_CANDLES and _series(batch[0]) == _series(following)


def _size(item: _Item) -> int:
    return item.page.count if isinstance(item, FileAnswer) else 0


def _series(item: _Item) -> Series:
    return item.file.series if isinstance(item, FileAnswer) else item.fetch.series
