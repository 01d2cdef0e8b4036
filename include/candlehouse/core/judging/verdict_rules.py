"""Decides why a requested candle is missing: pure functions of what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from candlehouse.core.gaps import intersect_spans, merge_spans, overlap, subtract_spans
from candlehouse.core.judging.evidence import Answer, Check, Informant, clip_checks
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.timeframe import Timeframe

# An exchange outage takes this many other symbols that lack the same candle.
WITNESSES_NEEDED = 3

_DAY = timedelta(days=1)

# Evidence counts all witnesses and names at most this many.
_SYMBOLS_NAMED = 5

# Delay until a verdict is checked again, by the number of checks: old data rarely appears,
# but files are published late and restated.
_RECHECK_DELAYS = (
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=30),
)


@dataclass(frozen=True, slots=True)
class Life:
    """A half-open period in which a ticker meant one asset; `end` is None for the current asset.

    A bound at midnight UTC may be known by its day alone; the change then happened at some time
    of that day.
    """

    asset_id: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a series apart from its candles.

    Attributes:
        first_open_time: open time of the exchange's first candle, None when it has no candle.
        trading: whether the exchange lists the symbol as trading now.
        last_open_time: open time of the last candle, only meaningful when the symbol is not
            trading.
        lives: in order of start; empty when the ticker never changed its asset.
    """

    series: Series
    first_open_time: datetime | None
    trading: bool = True
    last_open_time: datetime | None = None
    lives: tuple[Life, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """What the exchange answered about the end of a symbol that does not trade.

    Attributes:
        last_open_time: open time of the last candle, None when unknown.
        answer: of the exchange, about the time after the last candle.
        asked_at: exchange time of the question.
    """

    last_open_time: datetime | None
    answer: Answer
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Witness:
    """Another trading symbol that was asked about the same range.

    Attributes:
        present: the ranges inside the hole in which the witness has candles.
        checks: the evidence for `present` and for the rest of the hole.
    """

    symbol: str
    present: tuple[Span, ...]
    checks: tuple[Check, ...] = ()

    def lacks_by_files_alone(self, span: Span) -> bool:
        """Whether only published files show that the witness lacks the candles, and not REST."""
        informants = {
            check.informant
            for check in self.checks
            if check.answer is not Answer.PRESENT and overlap(check.span, span)
        }
        return informants == {Informant.ARCHIVE}


def judge_by_facts(hole: Span, facts: Facts) -> tuple[list[Gap], list[Span]]:
    """The gaps in a hole that listing, delisting and changes of asset explain.

    Returns:
        Gaps with their verdicts, and the parts of the hole that remain unexplained.
    """
    timeframe = facts.series.timeframe
    found: list[Gap] = []
    if facts.first_open_time is None:
        return [Gap(hole, Verdict.NOT_LISTED, {"first_candle": None})], []
    first_slot = timeframe.floor(facts.first_open_time)
    before = Span(min(hole.start, first_slot), first_slot)
    _claim(found, [hole], [before], Verdict.NOT_LISTED, {"first_candle": first_slot.isoformat()})
    if not facts.trading and facts.last_open_time is not None:
        end = timeframe.floor(facts.last_open_time) + timeframe.length
        after = Span(end, max(hole.end, end))
        _claim(
            found,
            _open_parts(hole, found),
            [after],
            Verdict.DELISTED,
            {"last_candle": facts.last_open_time.isoformat()},
        )
    for earlier, later in zip(facts.lives, facts.lives[1:], strict=False):
        between = _find_pause(hole, earlier, later, timeframe)
        evidence = {"between_assets": [earlier.asset_id, later.asset_id]}
        _claim(found, _open_parts(hole, found), between, Verdict.NOT_TRADING, evidence)
    return found, _open_parts(hole, found)


def _find_pause(hole: Span, earlier: Life, later: Life, timeframe: Timeframe) -> list[Span]:
    """The part of a hole that may lie between two lives of a ticker; at most one range.

    The slot in which trading begins or ends has a candle, so bounds are rounded to slots. Where a
    life is dated by its day alone, the pause is the whole hole, which ends where the candles
    begin; a hole strictly inside that day is not a pause, because it has candles on both sides.
    """
    if earlier.end is None:
        return []
    if hole.end < _latest(earlier.end) or hole.start > later.start:
        return []
    start, end = timeframe.ceil(earlier.end), timeframe.floor(_latest(later.start))
    return [Span(start, end)] if start < end else []


def _latest(bound: datetime) -> datetime:
    """The latest moment that the bound of a life may mean."""
    return bound + _DAY if Timeframe.D1.floor(bound) == bound else bound


def has_ended(
    last_open_time: datetime | None, timeframe: Timeframe, now: datetime, grace: timedelta
) -> bool:
    """Whether the last candle of a series is older than the newest candle that is due.

    Args:
        last_open_time: open time of the last candle, None when there is no candle.
        timeframe: of the series.
        now: the exchange's time.
        grace: how long after its close a candle may be missing.
    """
    due = timeframe.floor(now - grace) - timeframe.length
    return last_open_time is None or last_open_time < due


def checks_of_facts(
    gaps: Iterable[Gap], symbol: str, first_asked_at: datetime | None, ending: Ending | None
) -> list[Check]:
    """The evidence for verdicts that follow from the first and last candle of a series.

    Args:
        gaps: of the series, with their verdicts.
        symbol: of the series.
        first_asked_at: exchange time at which the first candle was asked for, None when unknown.
        ending: of a symbol that does not trade, else None.
    """
    checks: list[Check] = []
    for gap in gaps:
        if gap.verdict is Verdict.NOT_LISTED and first_asked_at is not None:
            answer, asked_at = Answer.NOTHING, first_asked_at
        elif gap.verdict is Verdict.DELISTED and ending is not None:
            answer, asked_at = ending.answer, ending.asked_at
        else:
            continue
        checks.append(Check(gap.span, symbol, Informant.REST, answer, asked_at))
    return checks


def _open_parts(hole: Span, found: Iterable[Gap]) -> list[Span]:
    return subtract_spans([hole], [gap.span for gap in found])


def _claim(
    found: list[Gap],
    open_parts: Sequence[Span],
    claimed: Sequence[Span],
    verdict: Verdict,
    evidence: Mapping[str, object],
) -> None:
    parts = intersect_spans(open_parts, claimed)
    found.extend(Gap(part, verdict, evidence) for part in parts)


def judge_by_witnesses(hole: Span, witnesses: Sequence[Witness]) -> list[Gap]:
    """Judges a hole by what other symbols have in the same range.

    A range in which no witness has a candle is an exchange outage. In a range in which a witness
    has candles, only this series lacks them: no data. Without witnesses the hole stays pending.

    Args:
        hole: the missing range.
        witnesses: `WITNESSES_NEEDED` of them, or all there are.
    """
    if not witnesses:
        return [Gap(hole, Verdict.PENDING, {"witnesses": 0})]
    contradicted = intersect_spans(
        [hole], merge_spans(span for witness in witnesses for span in witness.present)
    )
    outage = [
        Gap(span, Verdict.EXCHANGE_OUTAGE, _evidence_of_silence(span, witnesses))
        for span in subtract_spans([hole], contradicted)
    ]
    alone = [
        Gap(
            span,
            Verdict.NO_DATA,
            {
                "witnesses": len(witnesses),
                "have_it": sorted(
                    witness.symbol
                    for witness in witnesses
                    if any(overlap(span, present) for present in witness.present)
                )[:_SYMBOLS_NAMED],
            },
        )
        for span in contradicted
    ]
    return sorted([*outage, *alone], key=lambda gap: gap.span)


def is_pause(gap: Gap, was: object, facts: Facts) -> bool:
    """Whether a symbol that trades again was paused in the range of a gap.

    Only a gap that other symbols do not share (verdict NO_DATA) can be a pause: a gap of all
    symbols is an outage, a gap without witnesses stays pending. Where candles appear for a symbol
    that is still delisted, its end was merely later than thought.

    Args:
        gap: with the verdict of its witnesses.
        was: the verdict that the range had before, as stored in its evidence.
        facts: of the series.
    """
    if gap.verdict is not Verdict.NO_DATA:
        return False
    return was == Verdict.NOT_TRADING.value or (was == Verdict.DELISTED.value and facts.trading)


def _evidence_of_silence(span: Span, witnesses: Sequence[Witness]) -> dict[str, object]:
    of_files = {one.symbol for one in witnesses if one.lacks_by_files_alone(span)}
    # Witnesses that were asked by REST are stronger evidence and come first.
    symbols = sorted((one.symbol in of_files, one.symbol) for one in witnesses)
    return {
        "witnesses": len(witnesses),
        "symbols": [symbol for _, symbol in symbols[:_SYMBOLS_NAMED]],
        **({"by_files_alone": len(of_files)} if of_files else {}),
    }


def checks_of_witnesses(gap: Gap, witnesses: Sequence[Witness]) -> list[Check]:
    """The checks, clipped to the gap, of the witnesses that the gap's evidence names."""
    symbols = gap.evidence.get("have_it", gap.evidence.get("symbols"))
    named = [one for one in witnesses if isinstance(symbols, list) and one.symbol in symbols]
    return [check for one in named for check in clip_checks(one.checks, [gap.span])]


def schedule_recheck(
    gap: Gap, earlier: Iterable[Gap], now: datetime, files_at: datetime | None = None
) -> Gap:
    """The gap with the number of its checks and the time of the next check.

    The date of a listing does not change, so a gap before it is not checked again.

    Args:
        gap: with the new verdict.
        earlier: the gaps with earlier verdicts that it replaces.
        now: the exchange's time.
        files_at: when the published file of the range is expected; the next check is no later
            than this time, if it is in the future. None where no files are used.
    """
    done = [
        count
        for old in earlier
        if overlap(old.span, gap.span) and isinstance(count := old.evidence.get("checks"), int)
    ]
    checks = 1 + min(done, default=0)
    final = gap.verdict is Verdict.NOT_LISTED and gap.evidence.get("first_candle") is not None
    next_at = now + _RECHECK_DELAYS[min(checks, len(_RECHECK_DELAYS)) - 1]
    if files_at is not None and files_at > now:
        next_at = min(next_at, files_at)
    return Gap(
        gap.span, gap.verdict, {**gap.evidence, "checks": checks}, None if final else next_at
    )
