"""What was asked about candles that are missing, of whom, when, and what came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from candlehouse.core.gaps import clamp_span, merge_spans, overlap, subtract_spans
from candlehouse.core.model import Span


class Informant(Enum):
    """Who was asked."""

    REST = "rest"
    ARCHIVE = "archive"
    # This warehouse itself: of candles that it holds, and of gaps that say no more than that.
    WAREHOUSE = "warehouse"


class Answer(Enum):
    """What came back."""

    # There are no candles in the range.
    NOTHING = "nothing"
    # There is one in each slot of the range.
    PRESENT = "present"
    # The file that would have them is not there, or its text is none.
    NOT_PUBLISHED = "not published"
    BROKEN = "broken file"
    # The exchange does not know the symbol any more.
    UNKNOWN_SYMBOL = "unknown symbol"


@dataclass(frozen=True, slots=True)
class Check:
    """One answer about a range in which a series lacks candles.

    Attributes:
        span: half-open, on the slot grid.
        subject: the symbol that was asked about: the series' own, or a witness.
        asked_at: exchange time.
    """

    span: Span
    subject: str
    informant: Informant
    answer: Answer
    asked_at: datetime


def overlay_checks(
    symbol: str, known: Iterable[Check], fresh: Iterable[Check], judged: Sequence[Span] = ()
) -> list[Check]:
    """The checks of a series after `fresh` ones were made.

    Of one subject and one informant the latest answer about a slot stays, so what is kept
    does not grow with how often it is asked. Neighbours that say the same at the same time
    become one.

    Args:
        symbol: of the series.
        known: disjoint for each subject and informant.
        fresh: in any order.
        judged: ranges that have a new verdict: what witnesses said of them before goes.
    """
    kept: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for check in known:
        kept[_speaker(check)] += [check] if check.subject == symbol else _cut(check, judged)
    for check in sorted(fresh, key=lambda check: check.asked_at):
        kept[_speaker(check)] = _overlay(kept[_speaker(check)], check)
    return _merge(check for checks in kept.values() for check in checks)


def clip_checks(checks: Iterable[Check], spans: Sequence[Span]) -> list[Check]:
    """What checks say of `spans`."""
    merged = merge_spans(spans)
    return [
        check if part == check.span else replace(check, span=part)
        for check in checks
        for span in merged
        if (part := clamp_span(check.span, span))
    ]


def _speaker(check: Check) -> tuple[str, str]:
    return check.subject, check.informant.value


def _overlay(known: Sequence[Check], fresh: Check) -> list[Check]:
    """Of one speaker."""
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
    for check in sorted(checks, key=lambda check: (_speaker(check), check.span)):
        last = merged[-1] if merged else None
        if last and last.span.end == check.span.start and replace(last, span=check.span) == check:
            merged[-1] = replace(last, span=Span(last.span.start, check.span.end))
        else:
            merged.append(check)
    return merged
