"""Consumers that are slow, fail or hang: writing never waits for them, and nobody else loses."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from candlehouse.core.live.candle_updates import CANDLES
from candlehouse.pipelines.live.consumers import registry
from candlehouse.pipelines.live.consumers.consumer import Consumer
from candlehouse.pipelines.live.consumers.delivery import Deliveries, Delivery
from candlehouse.pipelines.live.writing.batches import Part
from candlehouse.settings import load_settings
from support.data.updates import make_update

# However loaded the machine is: nothing here waits so long unless it is broken.
DEADLINE_S = 30.0


class Recording:
    """Writes down what it is given."""

    name = "recording"

    def __init__(self) -> None:
        self.given: list[Part[Any]] = []
        self.closed = threading.Event()

    def committed(self, part: Part[Any]) -> None:
        self.given.append(part)

    def close(self) -> None:
        self.closed.set()


class Hanging(Recording):
    """Does not come back before the test lets it."""

    name = "hanging"

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.released = threading.Event()

    def committed(self, part: Part[Any]) -> None:
        self.entered.set()
        self.released.wait(DEADLINE_S)
        super().committed(part)


class Failing(Recording):
    """Fails at every part, but for those whose number is in `taken`."""

    name = "failing"

    def __init__(self, *taken: int) -> None:
        super().__init__()
        self.taken = taken
        self.calls = 0

    def committed(self, part: Part[Any]) -> None:
        self.calls += 1
        if self.calls not in self.taken:
            raise ConnectionError("secret-token refused")
        super().committed(part)


def make_part(slot: int, count: int = 1) -> Part[Any]:
    return Part(CANDLES, [make_update(slot=slot, closed=True)] * count)


def finish(delivery: Delivery) -> None:
    delivery.stop()
    delivery.join(time.monotonic() + DEADLINE_S)


def test_parts_come_in_the_order_in_which_they_were_committed() -> None:
    consumer = Recording()
    delivery = Delivery(consumer)
    parts = [make_part(slot) for slot in range(500)]
    for part in parts:
        delivery.offer(part)
    finish(delivery)

    assert consumer.given == parts
    assert consumer.closed.is_set()
    assert delivery.lost == 0


def test_consumer_that_hangs_loses_the_oldest_and_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = Hanging()
    delivery = Delivery(consumer, most_waiting=10)
    delivery.offer(make_part(0))
    assert consumer.entered.wait(DEADLINE_S)
    for slot in range(1, 31):
        delivery.offer(make_part(slot))
    assert delivery.lost == 20
    consumer.released.set()
    finish(delivery)

    assert consumer.given == [make_part(slot) for slot in (0, *range(21, 31))]
    told = [r.getMessage() for r in caplog.records if "slower" in r.getMessage()]
    assert told == [
        "consumer hanging is slower than what is written, and loses the oldest updates;"
        " writing goes on"
    ]
    assert "consumer hanging has lost 20 updates in all" in caplog.text


def test_bound_is_one_of_updates_and_the_newest_part_always_waits() -> None:
    consumer = Hanging()
    delivery = Delivery(consumer, most_waiting=10)
    delivery.offer(make_part(0))
    assert consumer.entered.wait(DEADLINE_S)
    for slot in (1, 2, 3):
        delivery.offer(make_part(slot, count=4))
    assert delivery.lost == 4
    delivery.offer(make_part(4, count=40))
    assert delivery.lost == 12
    consumer.released.set()
    finish(delivery)

    assert consumer.given == [make_part(0), make_part(4, count=40)]


def test_consumer_that_fails_is_given_the_next_part_and_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = Failing(3, 5)
    delivery = Delivery(consumer)
    for slot in range(6):
        delivery.offer(make_part(slot, count=2))
    finish(delivery)

    assert consumer.given == [make_part(2, count=2), make_part(4, count=2)]
    assert delivery.lost == 8
    told = [record for record in caplog.records if "failing (ConnectionError)" in record.message]
    assert len(told) == 1
    assert all(record.exc_info is None for record in caplog.records)
    assert "secret-token" not in caplog.text


def test_consumer_that_never_comes_back_is_left_when_the_session_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging, other = Hanging(), Recording()

    async def run() -> None:
        deliveries = Deliveries([hanging, other])
        for slot in range(3):
            deliveries.offer(make_part(slot))
        assert await asyncio.to_thread(hanging.entered.wait, DEADLINE_S)
        assert await asyncio.to_thread(until, lambda: len(other.given) == 3)
        await asyncio.wait_for(deliveries.close(0.05), DEADLINE_S)

    try:
        asyncio.run(run())
        assert other.given == [make_part(slot) for slot in range(3)]
        assert hanging.given == []
        assert "consumer hanging does not come to an end and is left" in caplog.text
        assert "consumer hanging has lost 2 updates in all" in caplog.text
    finally:
        hanging.released.set()


def test_consumer_that_was_given_nothing_has_no_thread() -> None:
    before = threading.active_count()
    delivery = Delivery(Recording())

    assert threading.active_count() == before
    finish(delivery)


def test_system_that_gives_no_thread_costs_a_consumer_its_updates_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    consumer = Recording()
    delivery = Delivery(consumer, most_waiting=2)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for slot in range(3):
            delivery.offer(make_part(slot))
    assert delivery.lost == 1
    # Of nothing, so that nothing more is lost before the thread has begun.
    delivery.offer(make_part(3, count=0))
    finish(delivery)

    assert consumer.given == [make_part(slot) for slot in (1, 2)] + [make_part(3, count=0)]
    assert delivery.lost == 1
    assert caplog.text.count("consumer recording is without a thread") == 1


def test_consumer_that_fails_at_its_end_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Recording):
        def close(self) -> None:
            raise OSError("gone")

    delivery = Delivery(Faulty())
    delivery.offer(make_part(0))
    finish(delivery)

    assert "consumer recording was not closed" in caplog.text


def test_settings_choose_the_consumers(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: Consumer = Recording()
    settings = load_settings({})
    assert registry.make_consumers(settings) == []
    monkeypatch.setattr(registry, "CONSUMERS", (lambda _: None, lambda _: chosen))

    assert registry.make_consumers(settings) == [chosen]


def until(condition: Any) -> bool:
    end = time.monotonic() + DEADLINE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(condition())
