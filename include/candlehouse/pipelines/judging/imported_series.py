"""Verdicts on imported series, with other stored series as witnesses.

The rules are those of `verdicts`, but no request goes to an exchange, neither for witnesses nor
for the missing candles; the evidence says so (`"asked": "held"`). Verdicts made in this way are
revised whenever an import stores more candles of the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.gaps import clamp_span, count_slots, intersect_spans, subtract_spans
from candlehouse.core.judging.evidence import Check
from candlehouse.core.judging.verdict_rules import (
    WITNESSES_NEEDED,
    Facts,
    Life,
    Witness,
    checks_of_witnesses,
    judge_by_facts,
    judge_by_witnesses,
    schedule_recheck,
)
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.judging.recording import record_verdicts
from candlehouse.pipelines.judging.verdicts import JudgeReport
from candlehouse.pipelines.judging.witnesses import select_witnesses
from candlehouse.storage.candles.held_slots import select_held, widen_to_neighbours
from candlehouse.storage.candles.page_writer import lock_series
from candlehouse.storage.completeness.gaps import record_gaps, select_gaps, select_judged_by_held
from candlehouse.storage.completeness.series import select_held_bounds, select_lives
from candlehouse.storage.warehouse import Warehouse


def judge_imported(
    warehouse: Warehouse, brought: Mapping[Series, Span], now: datetime
) -> JudgeReport:
    """Records the gaps of imported series, and judges them by what is stored of other series.

    The range of each series reaches from the last stored candle before the import to the first
    one after it, because no other process requests what lies between. Earlier verdicts of this
    kind on the same time, of any series, are revised when they are `pending` or say that no
    series had candles.

    Args:
        warehouse: to read from and to write to.
        brought: one range per series, from its first imported candle to the end of its last, on the
            slot grid.
        now: the exchange's time.

    Returns:
        Missing candles of the imported series, by verdict.
    """
    report = JudgeReport()
    by_timeframe: dict[Timeframe, dict[str, Span]] = {}
    for series, span in brought.items():
        by_timeframe.setdefault(series.timeframe, {})[series.symbol] = span
    for timeframe, ranges in by_timeframe.items():
        _Judge(warehouse, timeframe, now).run(ranges, report)
    return report


class _Judge:
    """Judges the gaps of one timeframe."""

    def __init__(self, warehouse: Warehouse, timeframe: Timeframe, now: datetime) -> None:
        self._warehouse = warehouse
        self._timeframe = timeframe
        self._now = now
        self._bounds: dict[str, Span] = {}
        self._lives: dict[str, tuple[Life, ...]] = {}

    def run(self, brought: Mapping[str, Span], report: JudgeReport) -> None:
        with self._warehouse.write() as connection:
            lock_series(connection, [Series(symbol, self._timeframe) for symbol in brought])
            ranges = widen_to_neighbours(connection, self._timeframe, brought)
            self._note_holes(connection, ranges)
        with self._warehouse.read() as connection:
            unsure = self._select_unsure(connection, ranges)
            self._bounds = select_held_bounds(connection, self._timeframe)
            self._lives = select_lives(connection, sorted(unsure))
        for symbol, gaps in sorted(unsure.items()):
            self._judge(symbol, gaps)
        with self._warehouse.read() as connection:
            known = select_gaps(connection, self._timeframe, list(ranges.items()))
        for symbol, gaps in known.items():
            for gap in gaps:
                if inside := clamp_span(gap.span, ranges[symbol]):
                    report.verdicts[gap.verdict] += count_slots([inside], self._timeframe)

    def _note_holes(self, connection: Connection, ranges: Mapping[str, Span]) -> None:
        """Records as pending gaps what is neither stored nor in a gap yet.

        All series come first, judging second: a series is a witness to the lack of a candle
        only when its own gap is on record.
        """
        held = select_held(connection, self._timeframe, ranges)
        known = select_gaps(connection, self._timeframe, list(ranges.items()))
        holes = {
            symbol: [
                Gap(hole, Verdict.PENDING)
                for hole in subtract_spans(
                    [span],
                    [*held.get(symbol, ()), *(gap.span for gap in known.get(symbol, ()))],
                )
            ]
            for symbol, span in ranges.items()
        }
        record_gaps(connection, self._timeframe, holes, self._now)

    def _select_unsure(
        self, connection: Connection, ranges: Mapping[str, Span]
    ) -> dict[str, list[Gap]]:
        """Gaps to judge, by symbol: pending ones of the ranges, and verdicts to be revised."""
        low = min(span.start for span in ranges.values())
        high = max(span.end for span in ranges.values())
        unsure = select_judged_by_held(connection, self._timeframe, Span(low, high))
        known = select_gaps(connection, self._timeframe, list(ranges.items()))
        for symbol, gaps in known.items():
            judged = [gap.span for gap in unsure.get(symbol, ())]
            fresh = [
                replace(gap, span=part)
                for gap in gaps
                if gap.verdict is Verdict.PENDING and gap.span not in judged
                for part in intersect_spans([gap.span], [ranges[symbol]])
            ]
            if fresh:
                unsure[symbol] = [*unsure.get(symbol, ()), *fresh]
        return unsure

    def _judge(self, symbol: str, gaps: Sequence[Gap]) -> None:
        """Judges the gaps of a symbol, and records the verdicts that have changed."""
        series = Series(symbol, self._timeframe)
        first = self._bounds.get(symbol)
        facts = Facts(series, first and first.start, lives=self._lives.get(symbol, ()))
        verdicts: list[Gap] = []
        checks: list[Check] = []
        for gap in gaps:
            found, answers = self._judge_hole(gap.span, facts)
            if len(found) == 1 and _says_nothing_new(found[0], gap):
                continue
            verdicts += [schedule_recheck(verdict, [gap], self._now) for verdict in found]
            checks += answers
        if verdicts:
            with self._warehouse.write() as connection:
                lock_series(connection, [series])
                record_verdicts(
                    connection, self._timeframe, {symbol: verdicts}, {symbol: checks}, self._now
                )

    def _judge_hole(self, hole: Span, facts: Facts) -> tuple[list[Gap], list[Check]]:
        found, rest = judge_by_facts(hole, facts)
        checks: list[Check] = []
        for span in rest:
            witnesses, all_said = self._call(span, facts.series.symbol)
            for gap in judge_by_witnesses(span, witnesses):
                if gap.verdict is Verdict.EXCHANGE_OUTAGE and not all_said:
                    gap = replace(gap, verdict=Verdict.PENDING)
                checks += checks_of_witnesses(gap, witnesses)
                found.append(replace(gap, evidence={**gap.evidence, "asked": "held"}))
        return found, checks

    def _call(self, hole: Span, about: str) -> tuple[list[Witness], bool]:
        """The witnesses of a hole, and whether an outage may be concluded from them.

        It may when there are `WITNESSES_NEEDED`, or fewer but every series that existed has
        testified. A series existed when its stored candles reach from before the hole to
        after it, whatever is known of the time between.

        Args:
            hole: on the slot grid.
            about: symbol that lacks candles, which is not a witness.
        """
        others = {symbol: span for symbol, span in self._bounds.items() if symbol != about}
        existed = [symbol for symbol, span in others.items() if span.start <= hole.start]
        with self._warehouse.read() as connection:
            known = select_witnesses(connection, self._timeframe, hole, existed, self._now)
        silent = [s for s in existed if s not in known and others[s].end >= hole.end]
        return list(known.values()), len(known) >= WITNESSES_NEEDED or bool(known and not silent)


def _says_nothing_new(verdict: Gap, gap: Gap) -> bool:
    evidence = {key: value for key, value in gap.evidence.items() if key != "checks"}
    return (verdict.span, verdict.verdict, verdict.evidence) == (gap.span, gap.verdict, evidence)
