from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Span
from candlehouse.core.timeframe import DAY, Timeframe, midnight
from candlehouse.core.validating.validation_windows import (
    ALL_TIME,
    SMALL_WINDOW_CANDLES,
    Held,
    Outcome,
    Reach,
    Severity,
    StoredDay,
    ValidationScope,
    Window,
    choose_scope,
    find_reach,
    gather_windows,
    merge_outcomes,
    plan_windows,
)

T0 = datetime(2024, 1, 1, tzinfo=UTC)


@settings(deadline=None)
@given(
    timeframe=st.sampled_from(Timeframe),
    first=st.integers(0, 3000),
    days=st.integers(1, 3000),
    series=st.integers(1, 100),
    most=st.integers(1, 1_000_000),
)
def test_windows_leave_nothing_out_and_hold_no_more_than_they_may(
    timeframe: Timeframe, first: int, days: int, series: int, most: int
) -> None:
    start = datetime(2017, 1, 1, tzinfo=UTC) + first * DAY
    held = Held(series, Span(start, start + days * DAY))
    windows = [one.span for one in plan_windows(timeframe, (), ALL_TIME, held, most)]
    assert (windows[0].start, windows[-1].end) == ALL_TIME
    assert all(one.end == other.start for one, other in pairwise(windows))
    for window in windows:
        inside = min(window.end, held.span.end) - max(window.start, held.span.start)
        assert inside > timedelta(0)
        assert inside % DAY == timedelta(0)
        # A day is not cut, however much it holds.
        assert inside <= max(most // (series * timeframe.slots_per_day), 1) * DAY


def test_windows_keep_to_a_range_that_is_asked_for() -> None:
    held = Held(52, Span(T0, T0 + 400 * DAY))
    span = Span(T0 + 100 * DAY, T0 + 110 * DAY)
    # 52 series of 1m have 74,880 candles a day.
    assert plan_windows(Timeframe.M1, ("A",), span, held, 400_000) == [
        Window(("A",), Span(T0 + 100 * DAY, T0 + 105 * DAY)),
        Window(("A",), Span(T0 + 105 * DAY, T0 + 110 * DAY)),
    ]
    assert plan_windows(Timeframe.M1, (), span, None) == [Window((), span)]
    before = Span(T0 - 10 * DAY, T0)
    assert plan_windows(Timeframe.M1, (), before, held) == [Window((), before)]


def days_of(symbols: str, first: int, count: int, slots: int = 288) -> list[StoredDay]:
    start = (T0 + first * DAY).date()
    return [StoredDay(start + n * DAY, symbol, slots) for symbol in symbols for n in range(count)]


@settings(deadline=None)
@given(
    timeframe=st.sampled_from(Timeframe),
    keys=st.sets(st.tuples(st.sampled_from("ABCDE"), st.integers(0, 60)), max_size=60),
    most=st.integers(1, 1_000_000),
)
def test_every_day_is_in_a_window_and_little_else(
    timeframe: Timeframe, keys: set[tuple[str, int]], most: int
) -> None:
    full = timeframe.slots_per_day
    days = [StoredDay((T0 + n * DAY).date(), symbol, full) for symbol, n in sorted(keys)]
    windows = gather_windows(timeframe, days, most)
    # Two that are looked at side by side record no day of a symbol twice.
    covered = [
        (symbol, window.span.start + n * DAY)
        for window in windows
        for symbol in window.symbols
        for n in range((window.span.end - window.span.start) // DAY)
    ]
    assert len(covered) == len(set(covered))
    found = 0
    for window in windows:
        inside = [
            day
            for day in days
            if day.symbol in window.symbols
            and window.span.start <= midnight(day.day) < window.span.end
        ]
        found += len(inside)
        length = (window.span.end - window.span.start) // DAY
        room = length * len(window.symbols) * full
        assert length == 1 or room <= most
        assert room <= max(SMALL_WINDOW_CANDLES, 3 * len(inside) * full)
    assert found == len(days)


def test_load_and_trickle_are_windows_of_their_own() -> None:
    # A year of one new symbol, and today of all: not a year of all.
    load, today = days_of("A", 0, 366), days_of("BCDEFGHIJ", 365, 1, slots=100)
    windows = gather_windows(Timeframe.M5, [*load, *today])
    assert windows == [
        Window(("A",), Span(T0, T0 + 366 * DAY)),
        Window(tuple("BCDEFGHIJ"), Span(T0 + 365 * DAY, T0 + 366 * DAY)),
    ]
    assert gather_windows(Timeframe.M5, []) == []
    # Few days far apart cost less together.
    assert len(gather_windows(Timeframe.H1, [*days_of("A", 0, 1), *days_of("B", 30, 1)])) == 1


def test_reach_is_whole_days_of_what_is_asked_for() -> None:
    asked = Span(T0 + timedelta(hours=1), T0 + timedelta(hours=25))
    assert find_reach(ValidationScope(Reach.RANGE, span=asked)) == Span(T0, T0 + 2 * DAY)
    assert find_reach(ValidationScope(Reach.EVERYTHING)) == ALL_TIME
    assert find_reach(ValidationScope(Reach.NEW)) == ALL_TIME


def test_range_of_a_person_takes_the_place_of_the_reach() -> None:
    assert choose_scope(Reach.NEW, (), (), None, None).reach is Reach.NEW
    scope = choose_scope(Reach.NEW, ("BTCUSDT",), (Timeframe.H1,), T0, T0 + DAY)
    assert scope == ValidationScope(Reach.RANGE, ("BTCUSDT",), (Timeframe.H1,), Span(T0, T0 + DAY))
    with pytest.raises(ConfigurationError, match="end is missing"):
        choose_scope(Reach.NEW, (), (), T0, None)
    with pytest.raises(ConfigurationError, match="start is missing"):
        choose_scope(Reach.NEW, (), (), None, T0)
    with pytest.raises(ConfigurationError, match="is not before end"):
        choose_scope(Reach.NEW, (), (), T0, T0)


def outcome(unexpected: int = 0, severity: Severity = Severity.CRITICAL, **more: object) -> Outcome:
    samples = tuple({"row": str(n)} for n in range(unexpected))
    return Outcome(
        "candles", Timeframe.H1, "prices are in order", severity, 10, unexpected, samples,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_windows_of_one_expectation_are_added_up() -> None:
    (merged,) = merge_outcomes([outcome(), outcome(2), outcome(3, exception="gone")], 4)
    assert (merged.checked, merged.unexpected, merged.exception) == (30, 5, "gone")
    assert [sample["row"] for sample in merged.samples] == ["0", "1", "0", "1"]
    assert merge_outcomes([], 4) == []


def test_outcome_fails_its_run_unless_it_only_warns() -> None:
    assert outcome().success
    assert not outcome().fails_run
    assert outcome(1).fails_run
    assert not outcome(1, Severity.WARNING).fails_run
    assert not outcome(1, Severity.WARNING).success
    assert outcome(0, Severity.WARNING, exception="gone").fails_run
    assert str(outcome(1)) == "candles 1h: NOT prices are in order: 1 of 10 rows: row 0"
    assert str(outcome()) == "candles 1h: prices are in order: 10 rows"
    assert "could not evaluate whether prices are in order: gone" in str(outcome(exception="gone"))
