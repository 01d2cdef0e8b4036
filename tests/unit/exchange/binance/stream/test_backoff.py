from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlehouse.exchange.binance.stream.backoff import Backoff, Gate, Refusal


def test_delays_double_up_to_the_cap_and_start_again_after_data() -> None:
    backoff = Backoff(0.5, 30, lambda: 1.0)

    assert [backoff.failed() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.data_flowed()
    assert backoff.failed() == 0.5


@given(draw=st.floats(0, 1, exclude_max=True), failures=st.integers(0, 5000))
def test_delay_is_between_half_and_whole(draw: float, failures: int) -> None:
    backoff = Backoff(0.5, 30, lambda: draw)
    for _ in range(min(failures, 40)):
        backoff.failed()

    whole = min(0.5 * 2 ** min(failures, 40), 30)
    assert whole / 2 <= backoff.failed() <= whole


def test_thousands_of_failures_do_not_overflow() -> None:
    backoff = Backoff(0.5, 30, lambda: 1.0)

    assert [backoff.failed() for _ in range(5000)][-1] == 30


@pytest.mark.parametrize("status", [403, 451])
def test_forbidden_waits_for_the_whole_cap(status: int) -> None:
    assert Backoff(0.5, 30, lambda: 0.0).failed(Refusal(status)) == 30


@pytest.mark.parametrize("status", [418, 429])
def test_limit_waits_as_long_as_it_asks_and_a_little_more(status: int) -> None:
    backoff = Backoff(0.5, 30, lambda: 0.0)

    assert backoff.failed(Refusal(status, 259_200)) == 259_200.25
    # Without a word on it: the window of the limit, or the shortest ban.
    assert backoff.failed(Refusal(status)) == {429: 60.5, 418: 120.5}[status]


def test_wait_that_a_failing_server_asks_for_is_heeded_up_to_the_cap() -> None:
    assert Backoff(0.5, 30, lambda: 0.0).failed(Refusal(503, 20)) == 20
    assert Backoff(0.5, 30, lambda: 0.0).failed(Refusal(503, 3600)) == 30


def test_firewall_that_says_for_how_long_is_left_alone_so_long() -> None:
    assert Backoff(0.5, 30, lambda: 0.0).failed(Refusal(403, 300)) == 300.25


def test_gate_stays_shut_for_the_longest_refusal() -> None:
    gate = Gate()
    assert gate.remaining_s(0.0) == 0

    gate.close(Refusal(429, 20), now=100.0)
    gate.close(Refusal(429, 1), now=101.0)
    gate.close(Refusal(403), now=101.0)
    gate.close(Refusal(503, 500), now=101.0)

    assert gate.remaining_s(105.0) == 15
    assert gate.remaining_s(120.0) == 0
