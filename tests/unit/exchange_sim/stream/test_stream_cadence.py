"""When streams speak."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange_sim.klines.intervals import INTERVALS, MINUTE_MS, iso_ms, slot_end, slot_start
from exchange_sim.stream.cadence import (
    LONGEST_BACKLOG,
    close_due,
    first_open,
    next_turn,
    phase_ms,
    slots_over,
)

NAME = "btcusdt@kline_1m"
INSTANT = st.integers(iso_ms("2018-01-01"), iso_ms("2030-01-01"))


@given(now=INSTANT, period=st.integers(1, 10_000))
def test_turns_are_one_period_apart_and_always_ahead(now: int, period: int) -> None:
    turn = next_turn(NAME, period, now)
    assert now < turn <= now + period
    assert next_turn(NAME, period, turn - 1) == turn
    assert next_turn(NAME, period, turn) == turn + period


def test_streams_are_spread_over_the_period() -> None:
    phases = [phase_ms(f"symbol{n}usdt@kline_1m", 2000) for n in range(1000)]
    tenths = Counter(phase // 200 for phase in phases)
    assert len(tenths) == 10
    assert min(tenths.values()) > 60


@given(end=INSTANT)
def test_a_final_event_comes_within_30_ms_of_the_end(end: int) -> None:
    assert 2 <= close_due(NAME, end) - end <= 30


def test_final_events_use_the_whole_30_ms() -> None:
    delays = {close_due(NAME, end) - end for end in range(0, 1000 * MINUTE_MS, MINUTE_MS)}
    assert delays == set(range(2, 31))


@pytest.mark.parametrize("interval", INTERVALS)
@given(now=INSTANT, still=st.booleans(), ahead=st.integers(0, 90 * 86_400_000))
def test_a_listener_gets_every_final_event_after_it_came_once(
    interval: str, now: int, still: bool, ahead: int
) -> None:
    opened = first_open(NAME, interval, now, still=still)
    assert slots_over(NAME, interval, opened, now, still=still) == []
    over = slots_over(NAME, interval, opened, now + ahead, still=still)
    assert len(over) <= LONGEST_BACKLOG
    if not over:
        end = slot_end(interval, opened)
        assert (end if still else close_due(NAME, end)) > now + ahead
        return
    assert all(end == slot_end(interval, start) for start, end in over)
    assert [end for _, end in over[:-1]] == [start for start, _ in over[1:]]
    assert over[0][0] == opened or len(over) == LONGEST_BACKLOG or len(over) >= 119
    if still:
        assert over[-1][1] == slot_start(interval, now + ahead)


def test_a_listener_that_comes_between_end_and_final_event_still_gets_it() -> None:
    end = iso_ms("2026-05-20T11:00:00")
    due = close_due(NAME, end)
    assert first_open(NAME, "1m", due - 1, still=False) == end - MINUTE_MS
    assert first_open(NAME, "1m", due, still=False) == end
    assert first_open(NAME, "1m", end, still=True) == end
