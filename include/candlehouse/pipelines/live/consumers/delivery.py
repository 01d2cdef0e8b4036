"""Handing what was committed to consumers, without ever waiting for one of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from threading import Condition, Thread
from typing import Any

from candlehouse.pipelines.live.consumers.consumer import Consumer
from candlehouse.pipelines.live.writing.batches import Part

_log = logging.getLogger(__name__)

# Updates that wait for one consumer, at the most: some seconds of the busiest stream.
MOST_WAITING = 100_000


class Delivery:
    """Hands parts to one consumer, oldest first, in a thread of its own.

    Args:
        consumer: given what `offer` is given.
        most_waiting: updates that may wait; the oldest parts are lost beyond it. A part that
            alone has more waits all the same.

    Attributes:
        lost: updates that did not reach the consumer, or at which it failed.
    """

    def __init__(self, consumer: Consumer, most_waiting: int = MOST_WAITING) -> None:
        self.lost = 0
        self._consumer = consumer
        self._name = consumer.name
        self._most_waiting = most_waiting
        self._parts: deque[Part[Any]] = deque()
        self._waiting = 0
        self._closing = False
        self._told: set[str] = set()
        # Held for moments only, and never while the consumer is at work.
        self._changed = Condition()
        # A daemon, for one that hangs must not keep the process from ending.
        self._thread = Thread(target=self._run, name=f"consumer {self._name}", daemon=True)
        self._is_started = False

    def offer(self, part: Part[Any]) -> None:
        """Takes a part; returns at once, whatever the consumer does. For one event loop."""
        if not self._is_started:
            self._start()
        with self._changed:
            before = self.lost
            self._parts.append(part)
            self._waiting += _count(part)
            while self._waiting > self._most_waiting and len(self._parts) > 1:
                lost = _count(self._parts.popleft())
                self._waiting -= lost
                self.lost += lost
            self._changed.notify()
        if self.lost > before:
            self._tell_once("slower than what is written, and loses the oldest updates")

    def stop(self) -> None:
        """Nothing more comes: ends the thread when all that waits has been handed over."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def join(self, until: float) -> None:
        """Waits for the end of the thread until a moment of `time.monotonic`.

        What waits then is lost, and the thread is left to itself.
        """
        if self._is_started:
            self._thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            self.lost += self._waiting
            self._waiting = 0
            self._parts.clear()
        if self._thread.is_alive():
            _log.warning("consumer %s does not come to an end and is left", self._name)
        if self.lost:
            _log.warning("consumer %s has lost %d updates in all", self._name, self.lost)

    def _start(self) -> None:
        try:
            self._thread.start()
        except RuntimeError:
            # The system gives no more threads: perhaps for the next part.
            self._tell_once("without a thread")
        else:
            self._is_started = True

    def _run(self) -> None:
        while (part := self._next()) is not None:
            try:
                self._consumer.committed(part)
            except Exception as error:
                with self._changed:
                    self.lost += _count(part)
                self._tell_once(f"failing ({type(error).__name__}), and loses its updates")
        try:
            self._consumer.close()
        except Exception as error:
            _log.warning("consumer %s was not closed: %s", self._name, error)

    def _next(self) -> Part[Any] | None:
        with self._changed:
            while not self._parts and not self._closing:
                self._changed.wait()
            if not self._parts:
                return None
            part = self._parts.popleft()
            self._waiting -= _count(part)
            return part

    def _tell_once(self, trouble: str) -> None:
        """Says it the first time; how much was lost in all is said at the end."""
        if trouble not in self._told:
            self._told.add(trouble)
            _log.warning("consumer %s is %s; writing goes on", self._name, trouble)


class Deliveries:
    """Hands parts to any number of consumers, each by itself.

    Args:
        consumers: to be given everything that is committed from now on.
    """

    def __init__(self, consumers: Sequence[Consumer] = ()) -> None:
        self._deliveries = [Delivery(consumer) for consumer in consumers]

    def offer(self, part: Part[Any]) -> None:
        """Hands on a part that was committed; returns at once and raises nothing."""
        for delivery in self._deliveries:
            delivery.offer(part)

    async def close(self, within_s: float) -> None:
        """Hands over what waits, for `within_s` seconds at the most, and ends."""
        for delivery in self._deliveries:
            delivery.stop()
        until = time.monotonic() + within_s
        for delivery in self._deliveries:
            await asyncio.to_thread(delivery.join, until)


def _count(part: Part[Any]) -> int:
    return len(part.durable) + len(part.latest)
