from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import price_channel
from candlehouse.exchange.binance.stream.client_options import StreamOptions
from candlehouse.exchange.binance.stream.commands import Command, Subscriptions
from candlehouse.exchange.binance.stream.frames import Reply

A, B, C = (price_channel(symbol) for symbol in "ABC")
OPTIONS = StreamOptions(batch=2, command_gap_s=0.35, reply_s=10, command_attempts=3)


def fine(command: Command | None) -> Reply:
    assert command is not None
    return Reply(command.number, None)


def test_command_is_what_the_exchange_expects() -> None:
    commands = Subscriptions([A], OPTIONS)
    commands.want([A, B])

    command = commands.next(0.0)

    assert command is not None
    assert json.loads(command.encode()) == {
        "method": "SUBSCRIBE", "params": ["b@miniTicker"], "id": 1,
    }  # fmt: skip


def test_commands_are_cut_into_batches_with_the_gap_between_them() -> None:
    commands = Subscriptions([], OPTIONS)
    commands.want([A, B, C])

    first = commands.next(100.0)
    assert first is not None
    assert first.channels == (A, B)
    assert commands.next(100.2) is None
    commands.take(fine(first))
    assert commands.next(100.2) is None
    assert commands.wake_at() == pytest.approx(100.35)
    second = commands.next(100.35)
    assert second is not None
    assert second.channels == (C,)
    assert not commands.settled
    commands.take(fine(second))
    assert commands.settled
    assert commands.next(1e6) is None
    assert commands.wake_at() == float("inf")


def test_what_is_not_wanted_any_more_is_dropped_before_anything_is_added() -> None:
    commands = Subscriptions([A, B], OPTIONS)
    commands.want([B, C])

    dropping = commands.next(0.0)
    assert dropping is not None
    assert (dropping.method, dropping.channels) == ("UNSUBSCRIBE", (A,))
    commands.take(fine(dropping))
    adding = commands.next(1.0)
    assert adding is not None
    assert (adding.method, adding.channels) == ("SUBSCRIBE", (C,))


def test_silent_stream_is_unsubscribed_and_subscribed() -> None:
    commands = Subscriptions([A, B], OPTIONS)
    commands.renew([A, price_channel("unknown")])

    methods = []
    for moment in (0.0, 1.0):
        command = commands.next(moment)
        assert command is not None
        assert command.channels == (A,)
        assert command.again == {A}
        methods.append(command.method)
        commands.take(fine(command))

    assert methods == ["UNSUBSCRIBE", "SUBSCRIBE"]
    assert commands.settled


@pytest.mark.parametrize(
    "fail",
    [
        lambda commands, command: None,
        lambda commands, command: commands.take(Reply(command.number, "Invalid request")),
        lambda commands, command: commands.take(Reply(None, "Invalid JSON")),
    ],
)
def test_command_that_fails_is_sent_again_three_times_in_all(
    fail: Callable[[Subscriptions, Command], None],
) -> None:
    commands = Subscriptions([], OPTIONS)
    commands.want([A])
    numbers = set()
    for attempt in range(3):
        command = commands.next(attempt * 10.0)
        assert command is not None
        assert command.channels == (A,)
        assert not commands.exhausted
        numbers.add(command.number)
        fail(commands, command)

    assert commands.next(30.0) is None
    assert commands.exhausted
    assert len(numbers) == 3


def test_success_forgets_failures_before_it() -> None:
    commands = Subscriptions([], OPTIONS)
    commands.want([A])
    for moment in (0.0, 10.0):
        commands.next(moment)
    commands.take(fine(commands.next(20.0)))
    commands.want([A, B])
    commands.next(30.0)
    commands.next(40.0)

    assert not commands.exhausted


def test_answers_to_other_commands_are_ignored() -> None:
    commands = Subscriptions([], OPTIONS)
    commands.want([A])
    command = commands.next(0.0)
    assert command is not None

    commands.take(Reply(command.number + 1, None))
    commands.take(Reply(command.number + 1, "error"))
    commands.take(Reply(None, None))

    assert commands.next(9.9) is None
    assert not commands.settled


def test_reply_that_could_not_be_read_is_excused() -> None:
    commands = Subscriptions([], OPTIONS)
    commands.want([A])
    commands.next(0.0)

    commands.postpone(60.0)

    assert commands.next(65.0) is None
    assert commands.next(70.0) is not None


def test_unanswered_unsubscribe_is_made_up_for_when_the_stream_is_wanted_again() -> None:
    commands = Subscriptions([A], OPTIONS)
    commands.want([])
    commands.next(0.0)
    commands.want([A])

    command = commands.next(10.0)

    assert command is not None
    assert (command.method, command.channels) == ("SUBSCRIBE", (A,))


CHANNELS = st.sets(st.sampled_from([price_channel(symbol) for symbol in "ABCDEF"]))


@given(steps=st.lists(st.tuples(CHANNELS, CHANNELS, st.booleans()), max_size=20), last=CHANNELS)
def test_subscriptions_end_up_as_wanted_and_never_faster_than_allowed(
    steps: list[tuple[set[Channel], set[Channel], bool]], last: set[Channel]
) -> None:
    commands = Subscriptions([A], OPTIONS)
    exchange: set[Channel] = {A}
    sent: list[float] = []
    now = 0.0

    def act(is_answered: bool) -> None:
        nonlocal now
        now += 0.1
        command = commands.next(now)
        if command is None:
            return
        sent.append(now)
        change = exchange.update if command.method == "SUBSCRIBE" else exchange.difference_update
        change(command.channels)
        commands.take(Reply(command.number, None if is_answered else "refused"))

    for wanted, silent, is_answered in steps:
        commands.want(wanted)
        commands.renew(silent)
        act(is_answered or len(sent) % 2 == 0)
    commands.want(last)
    for _ in range(200):
        act(is_answered=True)

    assert all(later - first >= 0.349 for first, later in pairwise(sent))
    if not commands.exhausted:
        assert exchange == last
        assert commands.settled
