"""Why a candle that was asked for is not there: pure decisions from what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from candlehouse.core.gaps import intersect_spans, merge_spans, overlap, subtract_spans
from candlehouse.core.judging.evidence import Answer, Check, Informant, clip_checks
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.timeframe import Timeframe

# This many other symbols without the candle make an exchange outage.
WITNESSES_NEEDED = 3

_DAY = timedelta(days=1)

# Evidence counts all witnesses and names so many of them.
_SYMBOLS_NAMED = 5

# When a verdict is asked again, by how often it was: data of old outages rarely appears,
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
    """A time in which a ticker meant one asset; half-open, `end` None while it still does.

    Of a bound at midnight the day alone may be known: it lies anywhere in that day then.
    """

    asset_id: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a series apart from its candles.

    Attributes:
        first_open_time: of the exchange's first candle, None when it has none at all.
        trading: whether the exchange lists the symbol as trading now.
        last_open_time: of its last candle, only meaningful when it is not trading.
        lives: in order of start, empty when the ticker never meant two assets.
    """

    series: Series
    first_open_time: datetime | None
    trading: bool = True
    last_open_time: datetime | None = None
    lives: tuple[Life, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """What was answered about the end of a symbol that does not trade.

    Attributes:
        last_open_time: of its last candle, None when it is not known.
        answer: of the exchange, about what comes after.
        asked_at: exchange time.
    """

    last_open_time: datetime | None
    answer: Answer
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Witness:
    """Another trading symbol that was asked for the same range.

    Attributes:
        present: the ranges inside the hole in which it has candles.
        checks: how that is known.
    """

    symbol: str
    present: tuple[Span, ...]
    checks: tuple[Check, ...] = ()

    def lacks_by_files_alone(self, span: Span) -> bool:
        """Whether only files say that it has nothing there: REST was not asked."""
        informants = {
            check.informant
            for check in self.checks
            if check.answer is not Answer.PRESENT and overlap(check.span, span)
        }
        return informants == {Informant.ARCHIVE}


def judge_by_facts(hole: Span, facts: Facts) -> tuple[list[Gap], list[Span]]:
    """What listing, delisting and changes of asset explain of a hole.

    Returns:
        Gaps with their verdicts, and what of the hole they leave open.
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
    """What of a hole may lie between two lives of a ticker; at most one range.

    The slot in which trading begins or ends has a candle, so bounds are those of slots. Of
    a life that is dated by the day the pause is as long as the hole, which ends where the
    candles begin; a hole inside that day alone is none, for there are candles around it.
    """
    if earlier.end is None:
        return []
    if hole.end < _latest(earlier.end) or hole.start > later.start:
        return []
    start, end = timeframe.ceil(earlier.end), timeframe.floor(_latest(later.start))
    return [Span(start, end)] if start < end else []


def _latest(bound: datetime) -> datetime:
    """The latest moment that a life's bound may mean."""
    return bound + _DAY if Timeframe.D1.floor(bound) == bound else bound


def has_ended(
    last_open_time: datetime | None, timeframe: Timeframe, now: datetime, grace: timedelta
) -> bool:
    """Whether the last candle of a series is not the newest one that is due."""
    due = timeframe.floor(now - grace) - timeframe.length
    return last_open_time is None or last_open_time < due


def attest_facts(
    gaps: Iterable[Gap], symbol: str, first_asked_at: datetime | None, ending: Ending | None
) -> list[Check]:
    """What was answered when the first and the last candle of a series were asked for.

    Args:
        gaps: of the series, with their verdicts.
        symbol: of the series.
        first_asked_at: exchange time, None when it is not known.
        ending: of a symbol that does not trade.
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
    """What other symbols' answers for the same range say of a hole.

    Where none of them has a candle it is an exchange outage; where one has, this series
    alone lacks it. Without any witness nothing is known: the hole stays pending.

    Args:
        hole: what is missing.
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
    """Whether a symbol that trades again did not trade then: its end was a pause.

    What no other symbol has is an outage, in a pause too, and what nobody was asked about is
    pending; candles that turn up of a symbol that is still gone only say that its end was later.

    Args:
        gap: with the verdict of its witnesses.
        was: the verdict that the range had before, as its evidence says it.
        facts: of the series.
    """
    if gap.verdict is not Verdict.NO_DATA:
        return False
    return was == Verdict.NOT_TRADING.value or (was == Verdict.DELISTED.value and facts.trading)


def _evidence_of_silence(span: Span, witnesses: Sequence[Witness]) -> dict[str, object]:
    of_files = {one.symbol for one in witnesses if one.lacks_by_files_alone(span)}
    # Those that REST was asked about say more.
    symbols = sorted((one.symbol in of_files, one.symbol) for one in witnesses)
    return {
        "witnesses": len(witnesses),
        "symbols": [symbol for _, symbol in symbols[:_SYMBOLS_NAMED]],
        **({"by_files_alone": len(of_files)} if of_files else {}),
    }


def find_testimony(gap: Gap, witnesses: Sequence[Witness]) -> list[Check]:
    """What the witnesses that a verdict names said of its range."""
    symbols = gap.evidence.get("have_it", gap.evidence.get("symbols"))
    named = [one for one in witnesses if isinstance(symbols, list) and one.symbol in symbols]
    return [check for one in named for check in clip_checks(one.checks, [gap.span])]


def schedule_recheck(
    gap: Gap, earlier: Iterable[Gap], now: datetime, files_at: datetime | None = None
) -> Gap:
    """The gap with the number of its checks and the time of the next.

    A listing's date does not change, so what lies before it is not asked again.

    Args:
        gap: the verdict just made.
        earlier: the verdicts that it replaces.
        now: the exchange's time.
        files_at: when published files will tell of the range; the next check waits no longer
            than that, if it is still to come. None where no files are asked.
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
