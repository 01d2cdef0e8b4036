"""Arithmetic on half-open ranges of slots, and on the gaps that explain them.

Every function takes and returns spans that start and end on the slot grid. Returned lists of
spans are sorted and disjoint; adjacent spans are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from candlehouse.core.model import Gap, Span
from candlehouse.core.timeframe import Timeframe


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """The union of `spans`, which may come in any order, overlap and be empty."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if merged and start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, end))
        else:
            merged.append(Span(start, end))
    return merged


def subtract_spans(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """The parts of `spans` that lie in none of `taken`."""
    cuts = merge_spans(taken)
    rest: list[Span] = []
    first = 0
    for start, end in merge_spans(spans):
        while first < len(cuts) and cuts[first].end <= start:
            first += 1
        at = start
        for cut in cuts[first:]:
            if cut.start >= end:
                break
            if cut.start > at:
                rest.append(Span(at, cut.start))
            at = max(at, cut.end)
        if at < end:
            rest.append(Span(at, end))
    return rest


def intersect_spans(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """The ranges that lie both in `spans` and in `others`."""
    kept = merge_spans(spans)
    return subtract_spans(kept, subtract_spans(kept, others))


def clamp_span(span: Span, bounds: Span) -> Span | None:
    """The part of `span` inside `bounds`; None where they do not overlap."""
    start, end = max(span.start, bounds.start), min(span.end, bounds.end)
    return Span(start, end) if start < end else None


def overlap(span: Span, other: Span) -> bool:
    """Whether the two half-open spans have a moment in common."""
    return max(span.start, other.start) < min(span.end, other.end)


def align_span(span: Span, timeframe: Timeframe) -> Span:
    """The slots that open inside `span`; empty (start == end) when none does."""
    start = timeframe.ceil(span.start)
    return Span(start, max(start, timeframe.ceil(span.end)))


def spans_of_slots(slots: Iterable[datetime], timeframe: Timeframe) -> list[Span]:
    """The ranges that single slots form; they may come in any order and repeat.

    Args:
        slots: starts of slots.
        timeframe: whose slots they are.
    """
    length = timeframe.length
    return merge_spans(Span(slot, slot + length) for slot in slots)


def count_slots(spans: Iterable[Span], timeframe: Timeframe) -> int:
    """How many slots all spans have together; the spans must be disjoint."""
    return sum((span.end - span.start) // timeframe.length for span in spans)


def cut_gaps(gaps: Iterable[Gap], spans: Sequence[Span]) -> tuple[list[Gap], list[Gap]]:
    """Splits gaps into the parts outside and inside `spans`, for example of candles that arrived.

    Returns:
        The parts outside `spans`, then the parts inside, each in order of start and
        with the verdict and evidence of the gap that it was cut from.
    """
    outside: list[Gap] = []
    inside: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: gap.span):
        outside.extend(replace(gap, span=span) for span in subtract_spans([gap.span], spans))
        inside.extend(replace(gap, span=span) for span in intersect_spans([gap.span], spans))
    return outside, inside


def overlay_gaps(gaps: Iterable[Gap], fresh: Sequence[Gap]) -> list[Gap]:
    """The gaps of a series after newly found gaps have replaced what they cover.

    Adjacent gaps with the same verdict become one gap, which keeps the weaker evidence of the
    two; adjacent pending gaps are merged only if they had the same verdict before.

    Args:
        gaps: the gaps known so far, disjoint.
        fresh: the newly found gaps, disjoint.
    """
    kept, _ = cut_gaps(gaps, [gap.span for gap in fresh])
    merged: list[Gap] = []
    for gap in sorted([*kept, *fresh], key=lambda gap: gap.span):
        last = merged[-1] if merged else None
        if last is not None and last.span.end == gap.span.start and _have_same_verdict(last, gap):
            merged[-1] = _join(last, gap)
        else:
            merged.append(gap)
    return merged


def _have_same_verdict(left: Gap, right: Gap) -> bool:
    return left.verdict is right.verdict and left.evidence.get("was") == right.evidence.get("was")


def _join(left: Gap, right: Gap) -> Gap:
    checks = [g.next_check_at for g in (left, right) if g.next_check_at is not None]
    evidence = {**left.evidence, **right.evidence}
    for key, weakest in (("checks", min), ("witnesses", min), ("by_files_alone", max)):
        counts = [n for g in (left, right) if isinstance(n := g.evidence.get(key), int)]
        if counts:
            evidence[key] = weakest(counts)
    return Gap(
        Span(left.span.start, right.span.end), left.verdict, evidence, min(checks, default=None)
    )
