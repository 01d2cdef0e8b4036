"""One step after all collecting: finds out why each candle that was asked for is missing."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine

from candlehouse.core.completeness import find_lacking
from candlehouse.core.errors import ExchangeError, RateLimited, UnknownSymbol
from candlehouse.core.evidence import Answer, Check
from candlehouse.core.gaps import (
    align_span,
    clamp_span,
    count_slots,
    cut_gaps,
)
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.verdicts import (
    Ending,
    Facts,
    Life,
    attest_facts,
    find_testimony,
    has_ended,
    is_pause,
    judge_by_facts,
    judge_by_witnesses,
    schedule_recheck,
)
from candlehouse.pipelines.judging.holes import Holes, select_holes
from candlehouse.pipelines.judging.second_look import ask_again
from candlehouse.pipelines.judging.witnesses import Witnesses
from candlehouse.pipelines.lanes import Lane
from candlehouse.pipelines.options import CollectOptions
from candlehouse.storage.candles import lock_series, select_held
from candlehouse.storage.catalog import select_trading
from candlehouse.storage.checks import record_checks
from candlehouse.storage.durability import commit_later, flush
from candlehouse.storage.gaps import record_gaps
from candlehouse.storage.series import (
    end_series,
    select_last_held,
    select_lives,
)

log = logging.getLogger(__name__)

# Series that wait to be recorded, and are then recorded together.
_HELD_SERIES = 16


@dataclass(slots=True)
class JudgeReport:
    """What was found out.

    Attributes:
        verdicts: missing candles a verdict.
        failures: why, for each series of which the exchange gave no answer.
    """

    verdicts: dict[Verdict, int] = field(default_factory=lambda: defaultdict(int))
    failures: dict[Series, str] = field(default_factory=dict)


async def judge_gaps(
    engine: Engine,
    source: CandleSource,
    asked: Mapping[Series, Span],
    now: datetime,
    options: CollectOptions,
) -> JudgeReport:
    """Gives every pending gap in the ranges asked for its verdict.

    Must run when all groups of a collection are through: what the others were answered
    is the evidence.

    Args:
        engine: of the warehouse.
        source: to ask witnesses, and the series themselves once more.
        asked: a range a series.
        now: the exchange's time.
        options: as for the collection; without an archive only REST is asked again.
    """
    report = JudgeReport()
    for timeframe in sorted({series.timeframe for series in asked}, key=str):
        spans = {
            series.symbol: clipped
            for series, span in asked.items()
            if series.timeframe is timeframe
            and (clipped := _settled(align_span(span, timeframe), timeframe, now, options))
        }
        holes = await asyncio.to_thread(select_holes, engine, timeframe, spans)
        if holes:
            judge = _Judge(engine, source, timeframe, now, options, report)
            await judge.run(holes)
    return report


def _settled(
    span: Span, timeframe: Timeframe, now: datetime, options: CollectOptions
) -> Span | None:
    return clamp_span(span, Span(span.start, timeframe.floor(now - options.grace)))


def record_verdicts(
    connection: Connection,
    timeframe: Timeframe,
    verdicts: Mapping[str, Sequence[Gap]],
    checks: Mapping[str, Sequence[Check]],
    now: datetime,
) -> list[Gap]:
    """Records verdicts, and what was answered, as far as they still hold.

    The caller holds the locks of the series and ends the transaction.

    Args:
        connection: in the caller's transaction.
        timeframe: of all the series.
        verdicts: gaps a symbol.
        checks: what was answered a symbol.
        now: the exchange's time.

    Returns:
        What was recorded: another process may have brought candles since, and what is held
        is no gap.
    """
    asked = {
        symbol: Span(min(gap.span.start for gap in gaps), max(gap.span.end for gap in gaps))
        for symbol, gaps in verdicts.items()
        if gaps
    }
    held = select_held(connection, timeframe, asked)
    still = {symbol: cut_gaps(gaps, held.get(symbol, []))[0] for symbol, gaps in verdicts.items()}
    record_gaps(connection, timeframe, still, now)
    judged = {symbol: [gap.span for gap in gaps] for symbol, gaps in still.items()}
    record_checks(connection, timeframe, checks, judged)
    return [gap for gaps in still.values() for gap in gaps]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found out of one series, to be recorded."""

    facts: Facts
    verdicts: Sequence[Gap]
    checks: Sequence[Check]


class _Judge:
    """Judges the holes of one timeframe, and records meanwhile what was found out before."""

    def __init__(
        self,
        engine: Engine,
        source: CandleSource,
        timeframe: Timeframe,
        now: datetime,
        options: CollectOptions,
        report: JudgeReport,
    ) -> None:
        self._engine = engine
        self._source = source
        self._timeframe = timeframe
        self._now = now
        self._options = options
        self._report = report
        self._lane = Lane[_Judged](1, _HELD_SERIES, lambda batch, following: True, self._store)

    async def run(self, holes: Mapping[str, Holes]) -> None:
        await self._lane.run([self._judge_all(holes)])
        await asyncio.to_thread(flush, self._engine)

    async def _judge_all(self, holes: Mapping[str, Holes]) -> None:
        trading = await self._find_trading()
        witnesses = Witnesses(
            self._engine,
            self._source,
            self._timeframe,
            trading,
            self._options.page_slots,
            self._now,
        )
        lives = await asyncio.to_thread(self._select_lives, sorted(holes))
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
                for hole in found.gaps:
                    gaps, heard = await self._judge(hole, facts, witnesses)
                    verdicts += gaps
                    checks += heard
            except RateLimited:
                raise
            except ExchangeError as error:
                log.warning("%s: no verdict: %s", series, error)
                self._report.failures[series] = str(error)
                continue
            checks += attest_facts(verdicts, symbol, found.first_asked_at, ended)
            await self._lane.put(_Judged(facts, verdicts, checks))

    async def _find_trading(self) -> frozenset[str]:
        """Symbols that trade now; by the warehouse's record too, if the exchange's list is cut."""
        listed = await self._source.fetch_trading_symbols()
        recorded = await asyncio.to_thread(self._select_trading)
        lacking = find_lacking(listed, recorded)
        if not lacking:
            return listed
        log.warning(
            "the exchange lists %s pairs as trading, without %s that did: nothing is taken as ended"
            " for that", len(listed), len(lacking),
        )  # fmt: skip
        return listed.union(recorded)

    async def _ask_end(self, series: Series) -> Ending | None:
        """How a symbol ended that is not listed as trading; None when it has not.

        The newest candle that can be due says more than a list: that may be cut short.
        """
        try:
            last = await self._source.fetch_last_open_time(series)
            ended = has_ended(last, self._timeframe, self._now, self._options.grace)
            return Ending(last, Answer.NOTHING, self._now) if ended else None
        except UnknownSymbol:
            # The exchange forgot the symbol altogether: its end is the last candle held.
            last = await asyncio.to_thread(self._select_last_held, series)
            return Ending(last, Answer.UNKNOWN_SYMBOL, self._now)

    async def _judge(
        self, hole: Gap, facts: Facts, witnesses: Witnesses
    ) -> tuple[list[Gap], list[Check]]:
        found, rest = judge_by_facts(hole.span, facts)
        checks: list[Check] = []
        was = hole.evidence.get("was")
        for span in rest:
            called = await witnesses.call(span, facts.series.symbol)
            for gap in judge_by_witnesses(span, called):
                checks += find_testimony(gap, called)
                if is_pause(gap, was, facts):
                    said = {**gap.evidence, "between_listings": True}
                    gap = Gap(gap.span, Verdict.NOT_TRADING, said)
                elif gap.verdict is Verdict.NO_DATA or was is not None:
                    gap, heard = await ask_again(
                        self._engine, self._source, facts.series, gap, self._now, self._options
                    )
                    checks += heard
                found.append(gap)
        return [schedule_recheck(gap, [hole], self._now) for gap in found], checks

    async def _store(self, batch: Sequence[_Judged]) -> None:
        for gap in await asyncio.to_thread(self._record, batch):
            self._report.verdicts[gap.verdict] += count_slots([gap.span], self._timeframe)

    def _record(self, batch: Sequence[_Judged]) -> list[Gap]:
        verdicts = {one.facts.series.symbol: one.verdicts for one in batch}
        checks = {one.facts.series.symbol: one.checks for one in batch}
        with self._engine.begin() as connection:
            commit_later(connection)
            lock_series(connection, [one.facts.series for one in batch])
            recorded = record_verdicts(connection, self._timeframe, verdicts, checks, self._now)
            for one in batch:
                last = one.facts.last_open_time
                if not one.facts.trading and last is not None:
                    end = self._timeframe.floor(last) + self._timeframe.length
                    end_series(connection, one.facts.series, end)
        return recorded

    def _select_last_held(self, series: Series) -> datetime | None:
        with self._engine.connect() as connection:
            return select_last_held(connection, series)

    def _select_trading(self) -> list[str]:
        with self._engine.connect() as connection:
            return select_trading(connection)

    def _select_lives(self, symbols: Sequence[str]) -> dict[str, tuple[Life, ...]]:
        with self._engine.connect() as connection:
            return select_lives(connection, symbols)
