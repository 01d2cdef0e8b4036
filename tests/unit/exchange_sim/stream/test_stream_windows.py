"""Counting messages and attempts in rolling windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange_sim.websocket.windows import Attempts, RollingCount


@given(times=st.lists(st.integers(0, 5000), min_size=1, max_size=60).map(sorted))
def test_a_window_counts_what_lies_in_it_and_remembers_the_most(times: list[int]) -> None:
    count, most = RollingCount(1000), 0
    for index, now in enumerate(times):
        wanted = sum(now - 1000 < time <= now for time in times[: index + 1])
        assert count.add(now) == wanted
        most = max(most, wanted)
    assert count.most == most
    assert count.at(times[-1] + 999) == sum(time > times[-1] - 1 for time in times)


def test_an_address_is_told_how_long_to_wait_and_may_come_back_then() -> None:
    attempts = Attempts(2)
    assert [attempts.admit("a", now) for now in (0.0, 100.0)] == [0, 0]
    assert attempts.admit("a", 100.5) == 200
    assert attempts.admit("b", 100.5) == 0
    assert attempts.admit("a", 299.9) == 1
    assert attempts.admit("a", 300.0) == 0
    assert attempts.admit("a", 300.0) == 100


def test_refused_attempts_are_counted_and_do_not_prolong_the_wait() -> None:
    attempts = Attempts(1)
    waits = [attempts.admit("a", float(now)) for now in (0, 1, 2, 299)]
    assert waits == [0, 299, 298, 1]
    assert (attempts.recent(299.0), attempts.most, attempts.refused) == (4, 4, 3)
    assert attempts.admit("a", 300.0) == 0
    assert (attempts.recent(700.0), attempts.most) == (0, 4)


@pytest.mark.parametrize("limit", [1, 5])
def test_room_is_there_once_enough_has_left_the_window(limit: int) -> None:
    count = RollingCount(10.0)
    for now in range(limit):
        assert count.room_in(limit, float(now)) == 0
        count.add(float(now))
    assert count.room_in(limit, limit - 1.0) == 10.0 - (limit - 1)
    assert count.room_in(limit, 10.0) == 0
