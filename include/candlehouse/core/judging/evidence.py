"""Evidence about missing candles: what was asked, of whom, when, and what was answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from candlehouse.core.gaps import clamp_span, merge_spans, overlap, subtract_spans
from candlehouse.core.model import Span


class Informant(Enum):
    """The source of an answer."""

    REST = "rest"
    ARCHIVE = "archive"
    # This warehouse: it holds the candles, or has only a gap without further evidence.
    WAREHOUSE = "warehouse"


class Answer(Enum):
    """What the source answered about a range."""

    # There are no candles in the range.
    NOTHING = "nothing"
    # There is a candle in each slot of the range.
    PRESENT = "present"
    # The file of the range does not exist, or its content is not a file of candles.
    NOT_PUBLISHED = "not published"
    BROKEN = "broken file"
    # The exchange no longer knows the symbol.
    UNKNOWN_SYMBOL = "unknown symbol"


@dataclass(frozen=True, slots=True)
class Check:
    """One answer about a range in which a series lacks candles.

    Attributes:
        span: half-open, on the slot grid.
        subject: the symbol that was asked about: the series' own symbol, or a witness.
        asked_at: exchange time of the question.
    """

    span: Span
    subject: str
    informant: Informant
    answer: Answer
    asked_at: datetime


def overlay_checks(
    symbol: str, known: Iterable[Check], fresh: Iterable[Check], judged: Sequence[Span] = ()
) -> list[Check]:
    """The checks of a series after `fresh` checks were added.

    Per subject and informant only the latest answer about a slot is kept, so what is kept does not
    grow with the number of questions. Adjacent checks with equal answer and time are merged.

    Args:
        symbol: of the series.
        known: the checks so far, disjoint per subject and informant.
        fresh: the new checks, in any order.
        judged: ranges with a new verdict: earlier checks of witnesses are removed from them.
    """
    kept: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for check in known:
        kept[_source_key(check)] += [check] if check.subject == symbol else _cut(check, judged)
    for check in sorted(fresh, key=lambda check: check.asked_at):
        kept[_source_key(check)] = _overlay(kept[_source_key(check)], check)
    return _merge(check for checks in kept.values() for check in checks)


def clip_checks(checks: Iterable[Check], spans: Sequence[Span]) -> list[Check]:
    """The parts of `checks` that lie inside `spans`."""
    merged = merge_spans(spans)
    return [
        check if part == check.span else replace(check, span=part)
        for check in checks
        for span in merged
        if (part := clamp_span(check.span, span))
    ]


def _source_key(check: Check) -> tuple[str, str]:
    return check.subject, check.informant.value


def _overlay(known: Sequence[Check], fresh: Check) -> list[Check]:
    """Adds a check to the checks of the same subject and informant."""
    newer = [check for check in known if check.asked_at > fresh.asked_at]
    parts = _cut(fresh, [check.span for check in newer])
    taken = [part.span for part in parts]
    older = [check for check in known if check.asked_at <= fresh.asked_at]
    return [*newer, *(part for check in older for part in _cut(check, taken)), *parts]


def _cut(check: Check, spans: Sequence[Span]) -> list[Check]:
    if not any(overlap(check.span, span) for span in spans):
        return [check]
    return [replace(check, span=part) for part in subtract_spans([check.span], spans)]


def _merge(checks: Iterable[Check]) -> list[Check]:
    merged: list[Check] = []
    for check in sorted(checks, key=lambda check: (_source_key(check), check.span)):
        last = merged[-1] if merged else None
        if last and last.span.end == check.span.start and replace(last, span=check.span) == check:
            merged[-1] = replace(last, span=Span(last.span.start, check.span.end))
        else:
            merged.append(check)
    return merged
