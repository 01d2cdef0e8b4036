import itertools
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given

from candlehouse.core.gaps import (
    align_span,
    clamp_span,
    count_slots,
    cut_gaps,
    intersect_spans,
    merge_spans,
    overlay_gaps,
    spans_of_slots,
    subtract_spans,
)
from candlehouse.core.model import Gap, Span, Verdict
from candlehouse.core.timeframe import Timeframe

T0 = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def span(first: int, last: int) -> Span:
    return Span(T0 + first * HOUR, T0 + last * HOUR)


spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 10)).map(lambda p: span(p[0], p[0] + p[1])),
    max_size=6,
)
gaps = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 6), st.sampled_from(list(Verdict)[:3])),
    max_size=5,
).map(
    lambda triples: overlay_gaps(
        [], _disjoint([Gap(span(a, a + n), verdict) for a, n, verdict in triples])
    )
)


def _disjoint(found: list[Gap]) -> list[Gap]:
    taken: list[Gap] = []
    for gap in found:
        taken.extend(cut_gaps([gap], [other.span for other in taken])[0])
    return taken


def hours_of(found: list[Span]) -> set[int]:
    return {
        (one.start - T0) // HOUR + n for one in found for n in range((one.end - one.start) // HOUR)
    }


def verdict_of(found: list[Gap]) -> dict[int, Verdict]:
    return {hour: gap.verdict for gap in found for hour in hours_of([gap.span])}


def is_canonical(found: list[Span]) -> bool:
    return all(s.start < s.end for s in found) and all(
        left.end < right.start for left, right in itertools.pairwise(found)
    )


@given(spans)
def test_merging_keeps_every_hour_once_and_is_canonical(some: list[Span]) -> None:
    merged = merge_spans(some)
    assert hours_of(merged) == hours_of(some)
    assert is_canonical(merged)


@given(spans, spans)
def test_subtraction_and_intersection_are_those_of_sets(
    some: list[Span], other: list[Span]
) -> None:
    rest, both = subtract_spans(some, other), intersect_spans(some, other)
    assert hours_of(rest) == hours_of(some) - hours_of(other)
    assert hours_of(both) == hours_of(some) & hours_of(other)
    assert is_canonical(rest)
    assert is_canonical(both)


@given(spans)
def test_slots_make_up_the_spans_they_were_counted_from(some: list[Span]) -> None:
    slots = [T0 + hour * HOUR for hour in hours_of(some)]
    assert spans_of_slots(slots, Timeframe.H1) == merge_spans(some)
    assert count_slots(merge_spans(some), Timeframe.H1) == len(slots)


@given(gaps, gaps)
def test_fresh_gaps_replace_what_they_cover_and_neighbours_merge(
    old: list[Gap], fresh: list[Gap]
) -> None:
    after = overlay_gaps(old, fresh)
    assert verdict_of(after) == {**verdict_of(old), **verdict_of(fresh)}
    for left, right in itertools.pairwise(after):
        assert left.span.end <= right.span.start
        assert left.span.end < right.span.start or left.verdict is not right.verdict


@given(gaps, spans)
def test_cutting_loses_nothing(old: list[Gap], some: list[Span]) -> None:
    outside, inside = cut_gaps(old, some)
    assert verdict_of(outside) | verdict_of(inside) == verdict_of(old)
    assert set(verdict_of(inside)) == set(verdict_of(old)) & hours_of(some)
    assert not set(verdict_of(outside)) & hours_of(some)


def test_merged_evidence_is_the_weaker_one_and_is_checked_the_sooner() -> None:
    left = Gap(span(0, 1), Verdict.NO_DATA, {"checks": 3, "witnesses": 9}, T0 + 5 * HOUR)
    right = Gap(span(1, 2), Verdict.NO_DATA, {"checks": 1, "witnesses": 12}, T0 + 2 * HOUR)
    assert overlay_gaps([left], [right]) == [
        Gap(span(0, 2), Verdict.NO_DATA, {"checks": 1, "witnesses": 9}, T0 + 2 * HOUR)
    ]


def test_clamping_outside_the_bounds_leaves_nothing() -> None:
    assert clamp_span(span(0, 4), span(2, 9)) == span(2, 4)
    assert clamp_span(span(0, 2), span(2, 9)) is None


def test_aligning_takes_slots_that_open_inside() -> None:
    half = timedelta(minutes=30)
    assert align_span(Span(T0 + half, T0 + 2 * HOUR + half), Timeframe.H1) == span(1, 3)
    assert align_span(Span(T0 + half, T0 + half), Timeframe.H1) == span(1, 1)
