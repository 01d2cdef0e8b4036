"""What the stream did not bring, REST does; and what it brought, REST confirms.

Both are one request: the candles from the oldest that is missing or not confirmed up to
the newest that has closed, through the same planner as every other collection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from candlehouse.core.closes import Closes
from candlehouse.core.errors import CandlehouseError
from candlehouse.core.gaps import subtract_spans
from candlehouse.core.live import CandleUpdate
from candlehouse.core.model import Series, Span
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe, from_ms, to_ms
from candlehouse.pipelines.collect import CollectOptions, CollectReport, collect
from candlehouse.pipelines.live.adoption import adopt_series
from candlehouse.settings import Settings
from candlehouse.storage.candles import select_held

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delays:
    """When to look, in seconds.

    Attributes:
        look_s: between two looks at what is due.
        confirm_s: from a candle's writing to its comparison; the exchange's own database
            may lag behind its stream for a moment.
        again_s: until a candle that differed is compared once more.
        retry_s: after a failure.
    """

    look_s: float = 0.25
    confirm_s: float = 5.0
    again_s: float = 30.0
    retry_s: float = 5.0


class Healer:
    """Asks REST for what is due, for one event loop.

    Args:
        settings: of the warehouse.
        engine: of the warehouse.
        closes: up to where each series is accounted for; kept up to date here.
        delays: when to look.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        closes: Closes,
        delays: Delays | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._closes = closes
        self._delays = delays or Delays()
        self._monotonic = monotonic
        self._due: dict[Series, float] = {}
        self._unconfirmed: dict[Series, datetime] = {}
        self._to_adopt: set[Series] = set()

    def adopt(self, series: Collection[Series]) -> None:
        """From now on these are to be complete; what is missing of them is found out first."""
        self._to_adopt |= set(series)
        self.request(series)

    def forget(self, series: Collection[Series]) -> None:
        """These are nobody's business here any more."""
        self._to_adopt -= set(series)
        self._closes.forget(series)
        for one in series:
            self._due.pop(one, None)
            self._unconfirmed.pop(one, None)

    def request(self, series: Iterable[Series], delay_s: float = 0.0) -> None:
        """Something of these may be missing: looks after `delay_s` at the latest."""
        at = self._monotonic() + delay_s
        for one in series:
            self._due[one] = min(at, self._due.get(one, at))

    def wrote(self, updates: Iterable[CandleUpdate]) -> None:
        """The stream's closed candles were written: they are to be confirmed."""
        for update in updates:
            opens = from_ms(update.open_ms)
            known = self._unconfirmed.get(update.series, opens)
            self._unconfirmed[update.series] = min(known, opens)
            self.request([update.series], self._delays.confirm_s)

    @property
    def waiting(self) -> int:
        """How many series something is still to be asked of."""
        return len(self._due)

    async def run(self, source: CandleSource) -> None:
        """Asks whatever is due, until cancelled.

        Raises:
            CandlehouseError: when the exchange or the database fails; what was due then
                is due again.
        """
        while True:
            now = self._monotonic()
            due = [series for series, at in self._due.items() if at <= now]
            if due:
                await self._heal(source, due)
            else:
                await asyncio.sleep(self._delays.look_s)

    async def _heal(self, source: CandleSource, due: Collection[Series]) -> None:
        for series in due:
            del self._due[series]
        confirm = {
            series: self._unconfirmed.pop(series) for series in due if series in self._unconfirmed
        }
        try:
            await self._adopt(source, self._to_adopt & set(due), confirm)
            now = await source.fetch_time()
            for timeframe, group in _by_timeframe(due).items():
                await self._collect(source, timeframe, group, confirm, now)
        except CandlehouseError:
            self._do_again(due, confirm, self._delays.retry_s)
            raise

    async def _adopt(
        self, source: CandleSource, series: Collection[Series], confirm: dict[Series, datetime]
    ) -> None:
        if not series:
            return
        now = await source.fetch_time()
        adopted = await adopt_series(self._settings, self._engine, source, series, now)
        for one, state in adopted.items():
            self._closes.expect(one, to_ms(state.complete_from))
            if state.unconfirmed_from is not None:
                known = confirm.get(one, state.unconfirmed_from)
                confirm[one] = min(known, state.unconfirmed_from)
        self._to_adopt -= set(series)

    async def _collect(
        self,
        source: CandleSource,
        timeframe: Timeframe,
        group: Collection[Series],
        confirm: Mapping[Series, datetime],
        now: datetime,
    ) -> None:
        closed = timeframe.floor(now)
        asked = {
            series: Span(start, closed)
            for series in group
            if (start := self._find_start(series, confirm)) is not None and start < closed
        }
        if not asked:
            return
        spans = {s: Span(confirm[s], closed) for s in asked if s in confirm}
        options = CollectOptions(
            self._settings.batch_size, self._settings.close_grace, confirm=spans
        )
        report = await collect(self._engine, source, asked, now, options)
        await self._note_answers(timeframe, asked, confirm, report, now)

    def _find_start(self, series: Series, confirm: Mapping[Series, datetime]) -> datetime | None:
        next_ms = self._closes.next_ms(series)
        starts = [] if next_ms is None else [from_ms(next_ms)]
        if series in confirm:
            starts.append(confirm[series])
        return min(starts, default=None)

    async def _note_answers(
        self,
        timeframe: Timeframe,
        asked: Mapping[Series, Span],
        confirm: Mapping[Series, datetime],
        report: CollectReport,
        now: datetime,
    ) -> None:
        failed = set(report.failures)
        if failed:
            self._do_again(failed, confirm, self._delays.retry_s)
        answered = {series: span for series, span in asked.items() if series not in failed}
        ends = await asyncio.to_thread(
            find_complete_ends, self._engine, timeframe, answered, now, self._settings.close_grace
        )
        for series, end in ends.items():
            self._closes.answered(series, to_ms(end))
        differing = [s for s in answered if report.written.differing.get(s.symbol)]
        # What was refused, for the archive knows better, would be refused again.
        if differing and report.written.corrected:
            _log.warning("REST corrected %s", ", ".join(str(s) for s in differing))
            self._do_again(differing, confirm, self._delays.again_s)

    def _do_again(
        self, series: Collection[Series], confirm: Mapping[Series, datetime], delay_s: float
    ) -> None:
        for one in series:
            if one in confirm:
                known = self._unconfirmed.get(one, confirm[one])
                self._unconfirmed[one] = min(known, confirm[one])
        self.request(series, delay_s)


def find_complete_ends(
    engine: Engine,
    timeframe: Timeframe,
    asked: Mapping[Series, Span],
    now: datetime,
    grace: timedelta,
) -> dict[Series, datetime]:
    """Up to where each range that was just asked for needs no more asking.

    A slot that closed within `grace` and is not held may still come; an older one has
    become a gap, which has its own ways of being asked again.
    """
    with engine.connect() as connection:
        held = select_held(
            connection, timeframe, {series.symbol: span for series, span in asked.items()}
        )
    settled = timeframe.floor(now - grace)
    ends = {}
    for series, span in asked.items():
        young = Span(max(span.start, min(settled, span.end)), span.end)
        missing = subtract_spans([young], held.get(series.symbol, []))
        ends[series] = missing[0].start if missing else span.end
    return ends


def _by_timeframe(series: Iterable[Series]) -> dict[Timeframe, list[Series]]:
    groups: dict[Timeframe, list[Series]] = defaultdict(list)
    for one in series:
        groups[one.timeframe].append(one)
    return groups
