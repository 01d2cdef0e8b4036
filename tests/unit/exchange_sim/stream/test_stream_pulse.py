"""Pings, pongs and lifetimes."""

from exchange_sim.stream_options import StreamOptions
from exchange_sim.websocket.pulse import Pulse

OPTIONS = StreamOptions(ping_s=20, pong_s=60, life_s=1000)


def test_pings_come_at_their_interval() -> None:
    pulse = Pulse(OPTIONS, 100)
    assert not pulse.ping_due(119.9)
    assert pulse.wait_s(100) == 20
    assert pulse.ping_due(120)
    pulse.pinged(b"1", 120)
    assert not pulse.ping_due(139)
    assert pulse.wait_s(125) == 15


def test_a_minute_after_an_unanswered_ping_it_is_over() -> None:
    pulse = Pulse(OPTIONS, 0)
    for at, payload in ((20, b"1"), (40, b"2"), (60, b"3")):
        pulse.pinged(payload, at)
    assert pulse.verdict(79.9) is None
    assert pulse.verdict(80) == "no_pong"
    assert pulse.wait_s(79) == 1


def test_a_pong_answers_its_ping_and_the_earlier_ones() -> None:
    pulse = Pulse(OPTIONS, 0)
    for at, payload in ((20, b"1"), (40, b"2"), (60, b"3")):
        pulse.pinged(payload, at)
    assert pulse.ponged(b"2", 61)
    assert pulse.last_pong == 61
    assert pulse.verdict(119.9) is None
    assert pulse.verdict(120) == "no_pong"


def test_a_pong_that_echoes_nothing_of_ours_counts_for_nothing() -> None:
    pulse = Pulse(OPTIONS, 0)
    pulse.pinged(b"1", 20)
    assert not pulse.ponged(b"", 30)
    assert not pulse.ponged(b"2", 30)
    assert pulse.last_pong is None
    assert pulse.verdict(80) == "no_pong"
    assert pulse.ponged(b"1", 81)
    assert not pulse.ponged(b"1", 82)


def test_a_life_ends_however_lively() -> None:
    pulse = Pulse(OPTIONS, 0)
    pulse.pinged(b"1", 990)
    pulse.ponged(b"1", 991)
    assert pulse.wait_s(991) == 9
    assert pulse.verdict(999) is None
    assert pulse.verdict(1000) == "life_over"
    assert pulse.wait_s(2000) == 0
