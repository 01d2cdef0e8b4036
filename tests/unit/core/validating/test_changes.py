"""Which days a change makes it necessary to look at again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlehouse.core.rules import JUMP_REACH
from candlehouse.core.timeframe import DAY, Timeframe
from candlehouse.core.validating.changes import find_affected_days

FIRST = date(2024, 3, 1)


def at(hour: int, minute: int = 0, day: int = 1) -> datetime:
    return datetime(2024, 3, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timeframe", "last", "end"),
    [
        (Timeframe.M5, at(21, 50), 1),
        (Timeframe.M5, at(21, 55), 2),
        (Timeframe.H1, at(0), 2),
        (Timeframe.H1, at(23), 3),
        (Timeframe.D1, at(0), 26),
    ],
)
def test_change_reaches_as_far_as_a_jump_looks_back(
    timeframe: Timeframe, last: datetime, end: int
) -> None:
    found = find_affected_days(timeframe, {("BTCUSDT", FIRST): last})
    assert found == [("BTCUSDT", FIRST, date(2024, 3, end))]


def test_known_days_are_left_out_and_neighbours_joined() -> None:
    changed = {("BTCUSDT", FIRST + n * DAY): at(23, 55, 1 + n) for n in (0, 1, 5)}
    known = [("BTCUSDT", FIRST), ("BTCUSDT", FIRST + 5 * DAY), ("ETHUSDT", FIRST + DAY)]
    assert find_affected_days(Timeframe.M5, changed, known) == [
        ("BTCUSDT", FIRST + DAY, FIRST + 2 * DAY),
        ("BTCUSDT", FIRST + 6 * DAY, FIRST + 6 * DAY),
    ]
    assert find_affected_days(Timeframe.M5, {}) == []


@settings(deadline=None)
@given(
    timeframe=st.sampled_from(Timeframe),
    slots=st.lists(st.integers(0, 2000), min_size=1, max_size=20),
)
def test_every_candle_that_depends_on_a_changed_one_is_in_a_day_found(
    timeframe: Timeframe, slots: list[int]
) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    opens = sorted(start + slot * timeframe.length for slot in slots)
    changed = {("BTCUSDT", opened.date()): opened for opened in opens}
    found = find_affected_days(timeframe, changed)
    for opened in opens:
        for step in range(JUMP_REACH + 1):
            day = (opened + step * timeframe.length).date()
            assert any(first <= day <= last for _, first, last in found)
    assert sum((last - first) // timedelta(days=1) + 1 for _, first, last in found) <= (
        len(changed) * (JUMP_REACH + 1)
    )
