"""The market's clock against made-up real time, and where slots begin."""

import pytest

from exchange_sim.clock import MarketClock
from exchange_sim.klines.intervals import INTERVALS, iso_ms, slot_end, slot_start


class Real:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_clock_runs_at_its_speed_and_changes_from_where_it_is() -> None:
    real = Real()
    clock = MarketClock(5_000, 60, real)
    real.now += 2
    assert clock.now_ms() == 125_000
    clock.run(1)
    real.now += 2
    assert clock.now_ms() == 127_000
    clock.set(1_000)
    real.now += 1
    assert clock.now_ms() == 2_000


def test_a_frozen_clock_moves_only_by_hand() -> None:
    real = Real()
    clock = MarketClock(5_000, 0, real)
    real.now += 100
    assert clock.now_ms() == 5_000
    clock.advance(60_000)
    assert clock.now_ms() == 65_000


def test_no_clock_runs_backwards() -> None:
    with pytest.raises(ValueError, match="negative"):
        MarketClock(0, -1)
    with pytest.raises(ValueError, match="negative"):
        MarketClock(0).run(-1)


@pytest.mark.parametrize(
    ("interval", "at", "start"),
    [
        ("1m", "2024-02-29T23:59:59", "2024-02-29T23:59:00"),
        ("4h", "2024-02-29T23:59:59", "2024-02-29T20:00:00"),
        ("1w", "2024-02-29T23:59:59", "2024-02-26"),
        ("1w", "2024-02-26T00:00:00", "2024-02-26"),
        ("1M", "2024-02-29T23:59:59", "2024-02-01"),
        ("1M", "2023-12-31T23:59:59", "2023-12-01"),
    ],
)
def test_slots_begin_where_binances_do(interval: str, at: str, start: str) -> None:
    assert slot_start(interval, iso_ms(at)) == iso_ms(start)


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_slots_end_begins_the_next(interval: str) -> None:
    start = slot_start(interval, iso_ms("2023-12-15T12:34:56"))
    end = slot_end(interval, start)
    assert slot_start(interval, end) == end
    assert slot_start(interval, end - 1) == start


def test_listeners_hear_of_every_change_and_jumps_are_counted() -> None:
    clock, heard = MarketClock(1000, 0), []
    clock.listen(lambda: heard.append((clock.now_ms(), clock.speed)))
    clock.advance(500)
    clock.run(3)
    clock.set(7000)
    assert [speed for _, speed in heard] == [0, 3, 3]
    assert heard[0] == (1500, 0)
    assert clock.jumps == 2
