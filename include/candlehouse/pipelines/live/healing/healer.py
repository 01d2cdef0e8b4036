"""Heals streamed series by REST: fetches candles that are missing, and confirms the others.

Both are one request: the candles from the oldest missing or unconfirmed one up to the newest
closed one, through the same planner as every other collection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.live.closes import Closes
from candlehouse.core.model import Series, Span
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe, from_ms, to_ms
from candlehouse.pipelines.collecting.collect import collect
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.live.healing.adoption import adopt_series
from candlehouse.pipelines.live.healing.heal_schedule import Due, HealSchedule
from candlehouse.pipelines.live.healing.rest_answers import find_complete_ends, find_unconfirmed
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays of healing, in seconds.

    Attributes:
        look_s: between two checks for due series.
        confirm_s: from a candle's writing to its comparison; the exchange's own database
            may lag behind its stream for a moment.
        again_s: until a candle that differed is compared once more.
        retry_s: after a failure, the first of a series.
    """

    look_s: float = 0.25
    confirm_s: float = 5.0
    again_s: float = 30.0
    retry_s: float = 5.0


class Healer:
    """Requests due series from REST, for one event loop.

    Args:
        warehouse: to read from and to write to.
        closes: up to where each series is accounted for; kept up to date here.
        delays: of healing; the defaults when None.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        closes: Closes,
        delays: Delays | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = warehouse.settings
        self._warehouse = warehouse
        self._closes = closes
        self._delays = delays or Delays()
        self._schedule = HealSchedule(monotonic)

    def adopt(self, series: Collection[Series]) -> None:
        """Keeps these series complete from now on, starting with what is missing already."""
        self._schedule.adopt(series)

    def forget(self, series: Collection[Series]) -> None:
        """Stops healing these series."""
        self._schedule.forget(series)
        self._closes.forget(series)

    def request(self, series: Iterable[Series], delay_s: float = 0.0) -> None:
        """Checks within `delay_s` seconds whether candles of these series are missing."""
        self._schedule.request(series, delay_s)

    def wrote(self, updates: Iterable[CandleUpdate]) -> None:
        """Schedules the confirmation of closed candles that were written from the stream."""
        for update in updates:
            self._schedule.confirm(update.series, from_ms(update.open_ms), self._delays.confirm_s)

    @property
    def waiting(self) -> int:
        """How many series are scheduled."""
        return len(self._schedule)

    async def run(self, source: CandleSource) -> None:
        """Requests series as they become due, until cancelled.

        Raises:
            CandlehouseError: when the exchange or the database fails.
        """
        while True:
            due = self._schedule.take()
            if due is None:
                await asyncio.sleep(self._delays.look_s)
            else:
                await self._heal(source, due)

    async def _heal(self, source: CandleSource, due: Due) -> None:
        try:
            adopted = await self._adopt(source, due)
            now = await source.fetch_time()
            for timeframe, group in _by_timeframe(adopted).items():
                await self._collect(source, timeframe, group, due.confirm, now)
        except BaseException:
            # Also when cancelled because polling has failed: the series are due again.
            self._schedule.later(due.series, due.confirm, self._delays.retry_s)
            raise

    async def _adopt(self, source: CandleSource, due: Due) -> list[Series]:
        """Reads the state of new series; returns the due series without those that failed."""
        if not due.adopt:
            return list(due.series)
        now = await source.fetch_time()
        adopted = await adopt_series(self._warehouse, source, due.adopt, now)
        for one, state in adopted.items():
            if self._schedule.is_forgotten(one):
                continue
            self._closes.expect(one, to_ms(state.complete_from))
            if state.unconfirmed_from is not None:
                known = due.confirm.get(one, state.unconfirmed_from)
                due.confirm[one] = min(known, state.unconfirmed_from)
        self._schedule.adopted(adopted)
        failed = due.adopt - adopted.keys()
        self._schedule.retry(failed, due.confirm, self._delays.retry_s)
        return [one for one in due.series if one not in failed]

    async def _collect(
        self,
        source: CandleSource,
        timeframe: Timeframe,
        group: Collection[Series],
        confirm: Mapping[Series, datetime],
        now: datetime,
    ) -> None:
        closed = timeframe.floor(now)
        requested = {
            series: Span(start, closed)
            for series in group
            if (start := self._find_start(series, confirm)) is not None and start < closed
        }
        # Their candles have not closed yet by the clock of REST.
        early = [series for series in confirm if series in group and series not in requested]
        self._schedule.later(early, confirm, self._delays.confirm_s)
        if not requested:
            return
        spans = {s: Span(confirm[s], closed) for s in requested if s in confirm}
        options = CollectOptions(
            self._settings.batch_size, self._settings.close_grace, confirm=spans
        )
        report = await collect(self._warehouse, source, requested, now, options)
        self._schedule.retry(report.failures, confirm, self._delays.retry_s)
        answered = {s: span for s, span in requested.items() if s not in report.failures}
        await self._note_answers(timeframe, answered, spans, now)
        self._note_differing(answered, confirm, report)

    def _find_start(self, series: Series, confirm: Mapping[Series, datetime]) -> datetime | None:
        next_ms = self._closes.next_ms(series)
        starts = [] if next_ms is None else [from_ms(next_ms)]
        if series in confirm:
            starts.append(confirm[series])
        return min(starts, default=None)

    async def _note_answers(
        self,
        timeframe: Timeframe,
        answered: Mapping[Series, Span],
        spans: Mapping[Series, Span],
        now: datetime,
    ) -> None:
        grace = self._settings.close_grace
        ends = await self._warehouse.in_thread(find_complete_ends, timeframe, answered, now, grace)
        for series, end in ends.items():
            self._closes.answered(series, to_ms(end))
        compared = {series: span for series, span in spans.items() if series in answered}
        left = await self._warehouse.in_thread(find_unconfirmed, timeframe, compared)
        self._schedule.retry(left, left, self._delays.confirm_s)
        self._schedule.succeeded(answered.keys() - left.keys())

    def _note_differing(
        self,
        answered: Collection[Series],
        confirm: Mapping[Series, datetime],
        report: CollectReport,
    ) -> None:
        # Values that were refused because the archive outranks REST would be refused again.
        differing = [s for s in answered if report.written.differing.get(s.symbol)]
        if differing and report.written.corrected:
            _log.warning("REST corrected %s", ", ".join(str(s) for s in differing))
            self._schedule.later(differing, confirm, self._delays.again_s)


def _by_timeframe(series: Iterable[Series]) -> dict[Timeframe, list[Series]]:
    groups: dict[Timeframe, list[Series]] = defaultdict(list)
    for one in series:
        groups[one.timeframe].append(one)
    return groups
