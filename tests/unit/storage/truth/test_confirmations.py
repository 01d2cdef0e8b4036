"""How ranges that were compared become rows: against a set of slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.gaps import merge_spans
from candlehouse.core.model import Span
from candlehouse.core.timeframe import DAY, Timeframe
from candlehouse.storage.truth.confirmations import Row, add_rows, split_days

T0 = datetime(2024, 2, 28, tzinfo=UTC)
HOUR = timedelta(hours=1)
H1 = Timeframe.H1


def hours(first: int, last: int) -> Span:
    return Span(T0 + first * HOUR, T0 + last * HOUR)


def row(first: int, last: int, candles: int, differing: int = 0, checked: int = 0) -> Row:
    return Row(hours(first, last), T0 + checked * HOUR, candles, differing)


def add(*rows: Row) -> list[Row]:
    return add_rows([], rows, H1)


def test_ranges_that_touch_grow_one_row_and_add_up() -> None:
    assert add(row(0, 3, 3, 1), row(3, 5, 1, 1, checked=9)) == [row(0, 5, 4, 2, checked=9)]
    assert add(row(3, 5, 1, 1, checked=9), row(0, 3, 3, 1)) == [row(0, 5, 4, 2, checked=9)]


def test_a_range_between_two_joins_them() -> None:
    assert add(row(0, 2, 2), row(4, 6, 2, 1), row(2, 4, 1, 1)) == [row(0, 6, 5, 2)]


def test_ranges_apart_and_across_midnight_stay_apart() -> None:
    rows = [row(0, 2, 2), row(3, 5, 2), row(22, 24, 2), row(24, 26, 2)]
    assert add(*reversed(rows)) == rows


def test_what_is_compared_again_counts_once() -> None:
    assert add(row(0, 12, 10, 1), row(0, 12, 12, 0, checked=3)) == [row(0, 12, 12, 1, checked=3)]
    assert add(row(0, 12, 10, 1), row(4, 6, 2, 2)) == [row(0, 12, 10, 2)]
    assert add(row(0, 6, 6, 1), row(4, 8, 4, 1)) == [row(0, 8, 8, 2)]
    assert add(row(0, 6, 1, 1), row(4, 8, 2, 1)) == [row(0, 8, 3, 2)]


def test_a_range_of_days_is_cut_at_midnights_and_loses_no_candle() -> None:
    assert list(split_days(row(22, 50, 28, 3))) == [
        row(22, 24, 2, 2), row(24, 48, 24, 1), row(48, 50, 2, 0),
    ]  # fmt: skip
    assert list(split_days(row(0, 24, 7, 7))) == [row(0, 24, 7, 7)]
    assert list(split_days(row(5, 5, 0))) == []


@st.composite
def made(draw: st.DrawFn) -> Row:
    first = draw(st.integers(0, 70))
    last = draw(st.integers(first, 72))
    candles = draw(st.integers(0, last - first))
    return row(first, last, candles, draw(st.integers(0, candles)), draw(st.integers(0, 9)))


@given(st.lists(made(), max_size=12))
def test_rows_cover_what_was_compared_each_slot_once_within_days(compared: list[Row]) -> None:
    stored: list[Row] = []
    for one in compared:
        stored = add_rows(stored, split_days(one), H1)
    days = [hours(24 * day, 24 * day + 24) for day in range(3)]
    for day in days:
        inside = [kept.span for kept in stored if day.start <= kept.span.start < day.end]
        expected = merge_spans(
            Span(max(one.span.start, day.start), min(one.span.end, day.end)) for one in compared
        )
        assert inside == expected
    assert all(kept.span.end <= kept.span.start.replace(hour=0) + DAY for kept in stored)
    for kept in stored:
        assert 0 <= kept.differing <= kept.candles <= (kept.span.end - kept.span.start) // HOUR


@given(st.lists(st.integers(0, 71), unique=True), st.data())
def test_ranges_that_do_not_overlap_lose_no_candle(starts: list[int], data: st.DataObject) -> None:
    rows = [row(at, at + 1, data.draw(st.integers(0, 1))) for at in starts]
    assert sum(kept.candles for kept in add(*rows)) == sum(one.candles for one in rows)
