"""Downloads and stores the published files of a plan.

No failure here fails a series: candles that a file does not bring, for whatever reason, are
fetched from another source afterwards.
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
from candlehouse.pipelines.fetching.remainder import Remainder
from candlehouse.pipelines.fetching.writer_queues import WriterQueues
from candlehouse.storage.database.durability import flush
from candlehouse.storage.truth.loaded_files import record_problem
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Files under way: enough to hide the answer times of a distant server.
CONCURRENT_FILES = 16

# After one of these errors, no more files are requested in the same run.
OUT_OF_REACH = (ExchangeUnavailable, RateLimited, RequestRejected)

# Candles per transaction: fewer need more round trips, more need memory and hold locks longer.
# This is a year of 5m candles, which takes 20 MB of the server's memory.
_BATCH_CANDLES = 110_000
_MOST_HELD_FILES = 12
# Each writer has a connection. Most of the time goes into storing, which is the server's work.
_WRITERS = max(2, min(8, os.cpu_count() or 2))


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that could not be used.

    Attributes:
        fetch: that named the file.
        state: MISSING or BROKEN.
        problem: the reason, as one sentence.
    """

    fetch: Fetch
    state: FileState
    problem: str


_Item = FileAnswer | FileFailure


class ArchiveLoader:
    """Downloads files concurrently, and stores them with several writers, one series per writer.

    Attributes:
        closed: the error after which the archive is out of reach; None while it is reachable.
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
    def left(self) -> Remainder:
        """Ranges that the files did not bring."""
        return Remainder(self._unanswered, self._lacking, self.closed is not None)

    async def run(self, fetches: Sequence[Fetch]) -> None:
        """Returns when every file is stored durably, or known to be unavailable.

        Raises:
            DatabaseUnavailable: when the database is lost; earlier batches are stored.
            WrongExchange: when another exchange answers.
        """
        # Two writers of one series would wait for each other. A writer stores one series after
        # the other: appending to the end of an index costs a twentieth less.
        for series in sorted({fetch.series for fetch in fetches}, key=str):
            self._writers[series] = len(self._writers)
        todo = iter(sorted(fetches, key=self._turn))
        queues = WriterQueues[_Item](_WRITERS, _count_held(fetches), _belongs, self._store)
        await queues.run(self._fetch(queues, todo) for _ in range(CONCURRENT_FILES))
        await asyncio.to_thread(flush, self._warehouse.engine)

    def _turn(self, fetch: Fetch) -> tuple[int, Span, int]:
        """Sort key that deals files to the writers in turn, so that all are busy to the end."""
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
            _log.info("a file is not published: %s", error)
            failure = FileFailure(fetch, FileState.MISSING, str(error))
        except MalformedPayload as error:
            _log.warning("a file is broken and not used: %s", error)
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
        # Added after the await, because other writers add to the report meanwhile.
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
    """How many files may wait for a writer: as many as fill one batch."""
    sizes = [count_slots([fetch.span], fetch.series.timeframe) for fetch in fetches]
    return max(1, min(_MOST_HELD_FILES, _BATCH_CANDLES // max(sizes, default=1)))


def _belongs(batch: Sequence[_Item], following: _Item) -> bool:
    """Whether an item joins the batch: it is of the same series, and the batch stays small."""
    candles = sum(map(_size, batch)) + _size(following)
    return candles <= _BATCH_CANDLES and _series(batch[0]) == _series(following)


def _size(item: _Item) -> int:
    return item.page.count if isinstance(item, FileAnswer) else 0


def _series(item: _Item) -> Series:
    return item.file.series if isinstance(item, FileAnswer) else item.fetch.series
