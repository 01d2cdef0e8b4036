"""Fetches and stores the REST pages of a plan."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.errors import (
    ExchangeError,
    MalformedPayload,
    RateLimited,
    UnknownSymbol,
)
from candlehouse.core.gaps import count_slots
from candlehouse.core.model import Series
from candlehouse.core.planning.fetch_plan import Fetch
from candlehouse.core.ports import CandleSource
from candlehouse.core.rules import MALFORMED_ANSWER
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.fetching.paging import fetch_pages
from candlehouse.pipelines.fetching.store import note_forgotten, store_pages
from candlehouse.pipelines.fetching.writer_queues import WriterQueues
from candlehouse.storage.candles.quarantine import quarantine_answer
from candlehouse.storage.completeness.series import select_series
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Enough concurrent requests to use the whole weight limit at 300 ms per answer.
CONCURRENT_REQUESTS = 16

# Most pages of one transaction: larger transactions need memory and hold locks longer.
BATCH_PAGES = 32


class RestLoader:
    """Fetches pages with concurrent requests, and stores them with one writer."""

    def __init__(
        self,
        warehouse: Warehouse,
        source: CandleSource,
        now: datetime,
        options: CollectOptions,
        report: CollectReport,
    ) -> None:
        self._warehouse = warehouse
        self._source = source
        self._now = now
        self._options = options
        self._report = report
        self._queues = WriterQueues[RestPage](
            1, 2 * BATCH_PAGES, lambda batch, _: len(batch) < BATCH_PAGES, self._store
        )

    async def run(self, fetches: Sequence[Fetch]) -> None:
        """Returns when every page is stored, or its series is in the report's failures.

        Raises:
            RateLimited: when the exchange's gate is closed; pages fetched before are stored.
            DatabaseUnavailable: when the database is lost; earlier batches are stored.
        """
        todo = iter(fetches)
        await self._queues.run(self._fetch(todo) for _ in range(CONCURRENT_REQUESTS))

    async def _fetch(self, todo: Iterator[Fetch]) -> None:
        for fetch in todo:
            if fetch.series in self._report.failures:
                continue
            try:
                async for page in fetch_pages(
                    self._source, fetch.series, fetch.span, self._options.page_slots
                ):
                    self._report.requests += 1
                    await self._queues.put(page)
            except RateLimited:
                raise
            except UnknownSymbol as error:
                self._report.unknown.add(fetch.series)
                if await self._warehouse.read_in_thread(self._has_ended, fetch.series):
                    # Only files can have its candles: they are loaded when it is judged.
                    _log.info("REST does not know %s any more, only files have it", fetch.series)
                    await self._warehouse.in_thread(
                        note_forgotten, fetch.series, fetch.span, self._now, self._options.grace
                    )
                else:
                    self._report.failures[fetch.series] = str(error)
            except ExchangeError as error:
                _log.warning("fetching %s %s failed: %s", fetch.series, fetch.span, error)
                self._report.failures[fetch.series] = str(error)
                if isinstance(error, MalformedPayload):
                    await self._warehouse.write_in_thread(self._quarantine, fetch, error)

    def _has_ended(self, connection: Connection, series: Series) -> bool:
        row = select_series(connection, [series.timeframe], [series.symbol]).get(series)
        return row is not None and row.wanted_to is not None

    def _quarantine(self, connection: Connection, fetch: Fetch, error: MalformedPayload) -> None:
        """Records in quarantine why the last of several answers was refused."""
        quarantine_answer(connection, fetch.series, MALFORMED_ANSWER, str(error))

    async def _store(self, batch: Sequence[RestPage]) -> None:
        written = await self._warehouse.in_thread(
            store_pages,
            batch,
            self._now,
            self._options.grace,
            confirming=self._options.confirm is not None,
            run=self._options.run,
        )
        # Added after the await, because the writers of files add to the report meanwhile.
        self._report.written += written
        self._options.advance(
            sum(count_slots([page.span], page.series.timeframe) for page in batch)
        )
