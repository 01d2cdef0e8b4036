"""Asking a few about what the files of many lack."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from candlehouse.core.model import Series, Span
from candlehouse.core.planning.sampling import (
    SampledRange,
    find_contradicted,
    plan_sampling,
    skipped_spans,
)
from candlehouse.core.timeframe import Timeframe

A, B, C, D, E = (Series(f"{name}USDT", Timeframe.H1) for name in "ABCDE")


def hours(start: int, end: int) -> Span:
    day = datetime(2024, 3, 1, tzinfo=UTC)
    return Span(day + timedelta(hours=start), day + timedelta(hours=end))


def test_three_are_asked_for_all() -> None:
    outage = hours(2, 6)
    lacking = {series: [outage] for series in (E, D, C, B, A)}
    assert plan_sampling(lacking) == [SampledRange(outage, (A, B, C), (D, E))]
    assert skipped_spans(plan_sampling(lacking)) == {D: [outage], E: [outage]}


@pytest.mark.parametrize("few", [(A,), (A, B, C)])
def test_few_are_all_asked(few: tuple[Series, ...]) -> None:
    assert plan_sampling({series: [hours(0, 2)] for series in few}) == []


def test_only_what_many_lack_is_spared() -> None:
    lacking = {
        A: [hours(0, 4)],
        B: [hours(1, 4)],
        C: [hours(2, 6)],
        D: [hours(2, 4), hours(8, 9)],
    }
    assert plan_sampling(lacking) == [SampledRange(hours(2, 4), (A, B, C), (D,))]


def test_each_timeframe_is_sounded_by_itself() -> None:
    quarters = [Series(series.symbol, Timeframe.M15) for series in (A, B)]
    lacking = {series: [hours(0, 1)] for series in (A, B, *quarters)}
    assert plan_sampling(lacking) == []


def test_neighbouring_ranges_of_different_lackers_are_joined_for_who_is_spared() -> None:
    lacking = {A: [hours(0, 4)], B: [hours(0, 4)], C: [hours(0, 4)], D: [hours(0, 4)]}
    lacking[E] = [hours(2, 4)]
    sampled = plan_sampling(lacking)
    assert [sample.span for sample in sampled] == [hours(0, 2), hours(2, 4)]
    assert skipped_spans(sampled) == {D: [hours(0, 4)], E: [hours(2, 4)]}


def test_one_answer_is_enough_to_ask_the_others() -> None:
    sampled = [SampledRange(hours(0, 4), (A, B, C), (D, E))]
    assert find_contradicted(sampled, {A: [], B: []}) == {}
    expected = {D: [hours(1, 2)], E: [hours(1, 2)]}
    assert find_contradicted(sampled, {A: [], B: [hours(1, 2)]}) == expected
    assert find_contradicted(sampled, {D: [hours(0, 4)]}) == {}, "it was not asked"
