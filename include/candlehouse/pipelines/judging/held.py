"""Why candles are missing from what was imported: the warehouse's own series bear witness.

The rules are those of `verdicts`. No exchange is asked, neither for witnesses nor once
more for what is missing, and the evidence says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Engine

from candlehouse.core.evidence import Check
from candlehouse.core.gaps import count_slots, intersect_spans, merge_spans
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.verdicts import (
    Facts,
    find_testimony,
    judge_by_facts,
    judge_by_witnesses,
    schedule_recheck,
)
from candlehouse.pipelines.judging.verdicts import JudgeReport, record_verdicts
from candlehouse.pipelines.judging.witnesses import select_witnesses
from candlehouse.storage.candles import lock_series
from candlehouse.storage.gaps import select_gaps
from candlehouse.storage.series import select_first_held, select_lives


def judge_held(
    engine: Engine, asked: Mapping[Series, Iterable[Span]], now: datetime
) -> JudgeReport:
    """Gives pending gaps their verdicts by what is held of other symbols.

    Args:
        engine: of the warehouse.
        asked: ranges a series, on the slot grid.
        now: the exchange's time.
    """
    report = JudgeReport()
    by_timeframe: dict[Timeframe, dict[str, list[Span]]] = {}
    for series, spans in asked.items():
        by_timeframe.setdefault(series.timeframe, {})[series.symbol] = merge_spans(spans)
    for timeframe, ranges in by_timeframe.items():
        _judge(engine, timeframe, ranges, now, report)
    return report


def _judge(
    engine: Engine,
    timeframe: Timeframe,
    ranges: Mapping[str, list[Span]],
    now: datetime,
    report: JudgeReport,
) -> None:
    pairs = [(symbol, span) for symbol, spans in ranges.items() for span in spans]
    with engine.connect() as connection:
        gaps = select_gaps(connection, timeframe, pairs)
        lives = select_lives(connection, sorted(gaps))
        first_held = select_first_held(connection, timeframe)
    for symbol, known in sorted(gaps.items()):
        series = Series(symbol, timeframe)
        facts = Facts(series, first_held.get(symbol), lives=lives.get(symbol, ()))
        verdicts: list[Gap] = []
        checks: list[Check] = []
        pending = [gap for gap in known if gap.verdict is Verdict.PENDING]
        for gap in pending:
            for hole in intersect_spans([gap.span], ranges[symbol]):
                found, heard = _judge_hole(engine, hole, facts, first_held, now)
                verdicts += [schedule_recheck(verdict, [gap], now) for verdict in found]
                checks += heard
        with engine.begin() as connection:
            lock_series(connection, [series])
            recorded = record_verdicts(
                connection, timeframe, {symbol: verdicts}, {symbol: checks}, now
            )
        for gap in recorded:
            report.verdicts[gap.verdict] += count_slots([gap.span], timeframe)


def _judge_hole(
    engine: Engine, hole: Span, facts: Facts, first_held: Mapping[str, datetime], now: datetime
) -> tuple[list[Gap], list[Check]]:
    series = facts.series
    found, rest = judge_by_facts(hole, facts)
    checks: list[Check] = []
    for span in rest:
        existed = [s for s, first in first_held.items() if first <= span.start]
        with engine.connect() as connection:
            known = select_witnesses(connection, series.timeframe, span, existed, now)
        known.pop(series.symbol, None)
        witnesses = list(known.values())
        for gap in judge_by_witnesses(span, witnesses):
            checks += find_testimony(gap, witnesses)
            found.append(replace(gap, evidence={**gap.evidence, "asked": "held"}))
    return found, checks
