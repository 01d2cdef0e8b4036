from __future__ import annotations

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import price_channel
from candlehouse.exchange.binance.stream.client_options import StreamOptions
from candlehouse.exchange.binance.stream.watch import NOTHING, StreamWatch

A, B, C, D = (price_channel(symbol) for symbol in "ABCD")
OPTIONS = StreamOptions(stream_silence_s=90, longest_silence_s=600)
OTHERS = [price_channel(f"O{number}") for number in range(4)]


def watch(*channels: Channel, patience_s: float = 90) -> StreamWatch:
    made = StreamWatch(OPTIONS, patience_s)
    made.expect(channels, 0.0)
    return made


def keep(made: StreamWatch, now: float, *channels: Channel) -> None:
    for channel in channels:
        made.heard[channel] = now


def test_silent_stream_is_tried_twice_then_told_then_tried_ever_more_rarely() -> None:
    made = watch(A, *OTHERS)
    tried, told = [], []
    for now in range(5, 3000, 5):
        keep(made, now, *OTHERS)
        found = made.look(now)
        assert not found.replace
        tried += [now] * (A in found.resubscribe)
        told += [now] * (A in found.silent)

    assert tried == [90, 180, 270, 450, 810, 1410, 2010, 2610]
    assert told == [270]


def test_stream_that_speaks_again_is_a_new_case() -> None:
    made = watch(A, *OTHERS)
    for now in (90, 180, 270):
        keep(made, now, *OTHERS)
        made.look(now)
    keep(made, 280, A, *OTHERS)
    assert made.look(280) == NOTHING

    keep(made, 370, *OTHERS)

    found = made.look(370)
    assert found.resubscribe == (A,)
    assert found.silent == ()


def test_connection_is_replaced_only_when_more_than_half_are_silent() -> None:
    half = watch(A, B, C, D)
    keep(half, 50, A, B)
    assert set(half.look(90).resubscribe) == {C, D}

    most = watch(A, B, C)
    keep(most, 50, A)
    assert most.look(90).replace


def test_single_stream_never_costs_the_connection() -> None:
    made = watch(A)

    assert not any(made.look(now).replace for now in range(90, 2000, 10))


def test_patience_with_most_streams_may_be_longer() -> None:
    made = watch(A, B, patience_s=180)

    assert not made.look(90).replace
    assert made.look(180).replace


def test_looks_are_rare() -> None:
    made = watch(A, *OTHERS)
    made.look(0)

    made.heard[A] = -1000.0

    assert made.look(4) == NOTHING
    assert made.wake_at() == 4.5
    assert made.look(4.5) != NOTHING


def test_time_without_receiving_is_excused() -> None:
    made = watch(A, B, *OTHERS)
    keep(made, 10, B)

    made.excuse(200.0)

    assert made.look(289) == NOTHING
    assert made.unheard() == {A, *OTHERS}
    assert made.look(300).replace


def test_expectations_change_without_forgetting_what_was_heard() -> None:
    made = watch(A, B)
    keep(made, 5, A)

    made.expect([A, C], 7.0)

    assert made.heard == {A: 5, C: 7}
    assert made.unheard() == {C}
    assert made.heard_since(5) == {A}
    assert made.heard_since(6) == set()
