"""The last step of a collection: gives each missing candle a verdict, with its evidence."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from candlehouse.core.errors import ExchangeError, RateLimited, UnknownSymbol
from candlehouse.core.gaps import (
    align_span,
    clamp_span,
    count_slots,
    subtract_spans,
)
from candlehouse.core.judging.evidence import Answer, Check
from candlehouse.core.judging.verdict_rules import (
    Ending,
    Facts,
    checks_of_facts,
    checks_of_witnesses,
    has_ended,
    is_pause,
    judge_by_facts,
    judge_by_witnesses,
    schedule_recheck,
)
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.planning.published_files import Tree, files_over
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.list_completeness import find_missing
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.fetching.collect_options import CollectOptions
from candlehouse.pipelines.fetching.writer_queues import WriterQueues
from candlehouse.pipelines.judging.holes import Holes, select_holes
from candlehouse.pipelines.judging.recording import record_verdicts
from candlehouse.pipelines.judging.refetching import refetch_missing, select_lacking_in_files
from candlehouse.pipelines.judging.witnesses import Witnesses
from candlehouse.storage.candles.page_writer import lock_series
from candlehouse.storage.completeness.series import (
    end_series,
    select_last_held,
    select_lives,
)
from candlehouse.storage.database.durability import commit_later, flush
from candlehouse.storage.universe.catalog import select_trading
from candlehouse.storage.warehouse import Warehouse

log = logging.getLogger(__name__)

# Series that wait to be recorded, and are then recorded together.
_HELD_SERIES = 16


@dataclass(slots=True)
class JudgeReport:
    """What judging found.

    Attributes:
        verdicts: how many candles are missing, by verdict.
        failures: the reason for each series that the exchange gave no answer about.
    """

    verdicts: dict[Verdict, int] = field(default_factory=lambda: defaultdict(int))
    failures: dict[Series, str] = field(default_factory=dict)


async def judge_gaps(
    warehouse: Warehouse,
    source: CandleSource,
    requested: Mapping[Series, Span],
    now: datetime,
    options: CollectOptions,
) -> JudgeReport:
    """Gives every pending gap in the requested ranges its verdict.

    Call it when all groups of a collection have ended, because the answers to the other series
    are the evidence. Slots that closed less than the grace ago stay pending.

    Args:
        warehouse: to read from and to write to.
        source: the REST client, for witnesses and for one more request of missing candles.
        requested: one half-open range per series.
        now: the exchange's time.
        options: as for the collection; without an archive only REST is asked again.
    """
    report = JudgeReport()
    for timeframe in sorted({series.timeframe for series in requested}, key=str):
        spans = {
            series.symbol: clipped
            for series, span in requested.items()
            if series.timeframe is timeframe
            and (clipped := _settled(align_span(span, timeframe), timeframe, now, options))
        }
        holes = await warehouse.in_thread(select_holes, timeframe, spans)
        if holes:
            judge = _Judge(warehouse, source, timeframe, now, options, report)
            await judge.run(holes)
    return report


def _settled(
    span: Span, timeframe: Timeframe, now: datetime, options: CollectOptions
) -> Span | None:
    return clamp_span(span, Span(span.start, timeframe.floor(now - options.grace)))


@dataclass(frozen=True, slots=True)
class _Judged:
    """Verdicts on one series, to be recorded."""

    facts: Facts
    verdicts: Sequence[Gap]
    checks: Sequence[Check]


class _Judge:
    """Judges the holes of one timeframe, while a writer records earlier verdicts."""

    def __init__(
        self,
        warehouse: Warehouse,
        source: CandleSource,
        timeframe: Timeframe,
        now: datetime,
        options: CollectOptions,
        report: JudgeReport,
    ) -> None:
        self._warehouse = warehouse
        self._source = source
        self._timeframe = timeframe
        self._now = now
        self._options = options
        self._report = report
        self._queues = WriterQueues[_Judged](
            1, _HELD_SERIES, lambda batch, following: True, self._store
        )

    async def run(self, holes: Mapping[str, Holes]) -> None:
        await self._queues.run([self._judge_all(holes)])
        await asyncio.to_thread(flush, self._warehouse.engine)

    async def _judge_all(self, holes: Mapping[str, Holes]) -> None:
        trading = await self._find_trading()
        witnesses = Witnesses(
            self._warehouse,
            self._source,
            self._timeframe,
            trading,
            self._options.page_slots,
            self._now,
        )
        lives = await self._warehouse.read_in_thread(select_lives, sorted(holes))
        for symbol, found in sorted(holes.items()):
            series = Series(symbol, self._timeframe)
            try:
                ended = None if symbol in trading else await self._ask_end(series)
                facts = Facts(
                    series,
                    found.first_open_time,
                    ended is None,
                    ended.last_open_time if ended else None,
                    lives.get(symbol, ()),
                )
                verdicts: list[Gap] = []
                checks: list[Check] = []
                files_lack = await self._select_lacking_in_files(series, found.gaps)
                for hole in found.gaps:
                    gaps, answers = await self._judge(hole, facts, witnesses, files_lack)
                    verdicts += gaps
                    checks += answers
            except RateLimited:
                raise
            except ExchangeError as error:
                log.warning("%s gets no verdict in this run: %s", series, error)
                self._report.failures[series] = str(error)
                continue
            checks += checks_of_facts(verdicts, symbol, found.first_asked_at, ended)
            await self._queues.put(_Judged(facts, verdicts, checks))

    async def _find_trading(self) -> frozenset[str]:
        """Symbols that trade now.

        When the exchange's list lacks pairs that traded before, those count as trading too.
        """
        listed = await self._source.fetch_trading_symbols()
        recorded = await self._warehouse.read_in_thread(select_trading)
        lacking = find_missing(listed, recorded)
        if not lacking:
            return listed
        log.warning(
            "the exchange lists %s pairs as trading and lacks %s that traded before: the list is"
            " taken as cut short, and no pair as ended", len(listed), len(lacking),
        )  # fmt: skip
        return listed.union(recorded)

    async def _ask_end(self, series: Series) -> Ending | None:
        """How a symbol that is not listed as trading has ended; None when it trades after all.

        Its newest candle decides, because a list may be cut short.
        """
        try:
            last = await self._source.fetch_last_open_time(series)
            ended = has_ended(last, self._timeframe, self._now, self._options.grace)
            return Ending(last, Answer.NOTHING, self._now) if ended else None
        except UnknownSymbol:
            # The exchange no longer knows the symbol: its end is the last stored candle.
            last = await self._warehouse.read_in_thread(select_last_held, series)
            return Ending(last, Answer.UNKNOWN_SYMBOL, self._now)

    async def _judge(
        self, hole: Gap, facts: Facts, witnesses: Witnesses, files_lack: Sequence[Span]
    ) -> tuple[list[Gap], list[Check]]:
        found, rest = judge_by_facts(hole.span, facts)
        checks: list[Check] = []
        for span in rest:
            called = await witnesses.call(span, facts.series.symbol)
            for gap in judge_by_witnesses(span, called):
                checks += checks_of_witnesses(gap, called)
                gap, answers = await self._refetch(gap, hole, facts, files_lack)
                checks += answers
                found.append(gap)
        files_at = self._find_files_at(facts.series, hole.span)
        return [schedule_recheck(gap, [hole], self._now, files_at) for gap in found], checks

    async def _refetch(
        self, gap: Gap, hole: Gap, facts: Facts, files_lack: Sequence[Span]
    ) -> tuple[Gap, list[Check]]:
        """The verdict on a gap after every source that may have its candles was asked.

        Args:
            gap: with the verdict of the witnesses.
            hole: that the gap is a part of; its evidence has the earlier verdict, if any.
            facts: of the series.
            files_lack: ranges that published files were found to lack lately.
        """
        was = hole.evidence.get("was")
        if is_pause(gap, was, facts):
            evidence = {**gap.evidence, "between_listings": True}
            return Gap(gap.span, Verdict.NOT_TRADING, evidence), []
        if gap.verdict is Verdict.PENDING:
            # There was no witness: the evidence of earlier checks stays.
            gap = replace(gap, evidence={**hole.evidence, **gap.evidence})
        elif gap.verdict is not Verdict.NO_DATA and was is None and _covers(files_lack, gap.span):
            return gap, []
        return await refetch_missing(
            self._warehouse, self._source, facts.series, gap, self._now, self._options
        )

    async def _select_lacking_in_files(self, series: Series, holes: Sequence[Gap]) -> list[Span]:
        """Ranges that files were found to lack around the holes; all of it without an archive."""
        span = Span(min(hole.span.start for hole in holes), max(hole.span.end for hole in holes))
        if self._options.archive is None:
            return [span]
        return await self._warehouse.in_thread(select_lacking_in_files, series, span, self._now)

    def _find_files_at(self, series: Series, span: Span) -> datetime | None:
        """When the daily file with the last slot is expected; None without an archive."""
        if self._options.archive is None:
            return None
        last_slot = Span(span.end - self._timeframe.length, span.end)
        days = files_over(series, Tree.DAILY, last_slot)
        return max(VENUE.archive.expected_at(file) for file in days)

    async def _store(self, batch: Sequence[_Judged]) -> None:
        for gap in await asyncio.to_thread(self._record, batch):
            self._report.verdicts[gap.verdict] += count_slots([gap.span], self._timeframe)

    def _record(self, batch: Sequence[_Judged]) -> list[Gap]:
        verdicts = {one.facts.series.symbol: one.verdicts for one in batch}
        checks = {one.facts.series.symbol: one.checks for one in batch}
        with self._warehouse.write() as connection:
            commit_later(connection)
            lock_series(connection, [one.facts.series for one in batch])
            recorded = record_verdicts(connection, self._timeframe, verdicts, checks, self._now)
            for one in batch:
                last = one.facts.last_open_time
                if not one.facts.trading and last is not None:
                    end = self._timeframe.floor(last) + self._timeframe.length
                    end_series(connection, one.facts.series, end)
        return recorded


def _covers(spans: Sequence[Span], span: Span) -> bool:
    return not subtract_spans([span], spans)
