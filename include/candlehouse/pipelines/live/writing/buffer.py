"""Buffers received updates of all kinds until they are written.

How updates of a kind wait is the business of its own buffer (`candle_buffer`,
`newest_buffer`); what is the same for all of them is here: counting, the clock, refusing what
is dated impossibly, waking the writer, and holding up who receives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from candlehouse.core.live.channels import Channel, select_kind
from candlehouse.core.live.updates import UNDATED_MS, BadMessage, Update
from candlehouse.core.rules import EVENT_IN_FUTURE, EVENT_IN_PAST
from candlehouse.pipelines.live.writing.batches import Batch, Part

# Received messages that are not committed yet: with more of them, receiving waits.
MOST_MESSAGES = 200_000
# Refused messages that one batch keeps with their text; more are only counted.
MOST_BAD = 100
# Milliseconds: a message that is dated so far from the newest one is looked at twice, and
# refused when it lies so far from the exchange's own clock. One of the future that were
# believed would keep everything out that comes after it.
_LEAP_MS = 3_600_000
_MOST_APART_MS = 86_400_000

_U = TypeVar("_U", bound=Update)


@dataclass(slots=True)
class Counters:
    """Counts of a session's messages by their result.

    Attributes:
        received: all messages, refused ones too.
        validated: well-formed ones.
        errors: refused ones.
        stale: late or double ones, that say nothing new.
        coalesced: updates that a newer one replaced before they were written.
        dropped: updates that a newer one would have replaced, and that no database could take.
        closed_written: candles, as are the next three.
    """

    received: int = 0
    validated: int = 0
    errors: int = 0
    stale: int = 0
    coalesced: int = 0
    dropped: int = 0
    closed_written: int = 0
    forming_written: int = 0
    spooled: int = 0
    replayed: int = 0


class Buffer(Protocol[_U]):
    """Holds the updates of one kind until they are written; for one event loop.

    Attributes:
        is_full: whether receiving is to wait until what is here was taken.
    """

    is_full: bool

    def add(self, update: _U) -> int | None:
        """Takes an update, called for every message: what it does must cost little.

        Returns:
            How many waiting updates it replaces, None when it is late or double.
        """

    def put_back(self, updates: Iterable[_U]) -> None:
        """Puts durable updates that could not be written back, before newer ones."""

    def take(self) -> tuple[list[_U], list[_U]]:
        """Returns and clears what waits: `Part.durable` and `Part.latest`."""

    def forget(self, channels: Collection[Channel]) -> None:
        """Leaves out what waits of these and is not durable."""


class Batcher:
    """A StreamSink that collects a batch while the one before is being written.

    For one event loop. Two connections may bring the same messages (while one replaces the
    other, or in a standby): what comes twice or late is counted and left out.

    Args:
        buffers: by kind; an update of any other kind is a fault of the program.
        on_flowing: called when channels begin to flow on a new connection.
        on_silent: called when no connection brings channels any more.

    Attributes:
        counters: of all kinds together.
        clock_ms: the exchange's clock by the newest message, in milliseconds since the
            epoch; 0 before the first.
        clock_offset_ms: milliseconds by which the exchange's clock is ahead of this
            machine's, None while that is not known.
    """

    def __init__(
        self,
        buffers: Mapping[str, Buffer[Any]],
        on_flowing: Callable[[Collection[Channel]], None],
        on_silent: Callable[[Collection[Channel]], None],
    ) -> None:
        self.counters = Counters()
        self.clock_ms = 0
        self.clock_offset_ms: int | None = None
        self._buffers = buffers
        self._on_flowing = on_flowing
        self._on_silent = on_silent
        self._bad: list[BadMessage] = []
        self._events_ms: list[int] = []
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def take(self, update: Update) -> None:
        """Takes a valid update of any kind. Hot path: it avoids function calls."""
        event_ms = update.event_ms
        ahead_ms = event_ms - self.clock_ms
        if not -_LEAP_MS < ahead_ms < _LEAP_MS or not self.clock_ms:
            rule = self._find_broken(event_ms)
            if rule is not None:
                self.take_bad(BadMessage(update.line, rule, update.channel))
                return
        counters = self.counters
        counters.received += 1
        counters.validated += 1
        buffer = self._buffers[update.channel.kind]
        replaced = buffer.add(update)
        if replaced is None:
            counters.stale += 1
            return
        if replaced:
            counters.coalesced += replaced
        if ahead_ms > 0:
            self.clock_ms = event_ms
        events_ms = self._events_ms
        if not events_ms:
            self._something.set()
        elif buffer.is_full or len(events_ms) >= MOST_MESSAGES:
            self._room.clear()
        events_ms.append(event_ms)

    def take_bad(self, message: BadMessage) -> None:
        """Takes a refused message."""
        self.counters.received += 1
        self.counters.errors += 1
        if len(self._bad) < MOST_BAD:
            self._bad.append(message)
            self._something.set()

    def flowing(self, channels: Collection[Channel]) -> None:
        """Called when a new connection delivers these channels."""
        self._on_flowing(channels)

    def silent(self, channels: Collection[Channel]) -> None:
        """Called when no connection delivers these channels for now."""
        self._on_silent(channels)

    async def room(self) -> None:
        """Waits while the buffer is full (backpressure)."""
        await self._room.wait()

    async def wait(self) -> None:
        """Waits until there is something to write."""
        await self._something.wait()

    def put_back(self, updates: Mapping[str, Collection[Update]]) -> None:
        """Puts durable updates that could not be written back, by their kind.

        They come before those of their kind that were received since.
        """
        for kind, some in updates.items():
            if some:
                self._buffers[kind].put_back(some)
                self._something.set()

    def take_batch(self) -> Batch:
        """Returns and clears everything that waits, as one batch."""
        parts = {}
        for kind, buffer in self._buffers.items():
            durable, latest = buffer.take()
            if durable or latest:
                parts[kind] = Part(kind, durable, latest)
        batch = Batch(parts, self._bad, self._events_ms)
        self._bad, self._events_ms = [], []
        self._something.clear()
        self._room.set()
        return batch

    def forget(self, channels: Collection[Channel]) -> None:
        """Leaves out what waits of these and is not durable."""
        for kind, buffer in self._buffers.items():
            buffer.forget(select_kind(channels, kind))

    def exchange_now_ms(self) -> int | None:
        """The exchange's time in milliseconds, by this machine's clock and the measured offset.

        None before the clocks were compared.
        """
        if self.clock_offset_ms is None:
            return None
        return time.time_ns() // 1_000_000 + self.clock_offset_ms

    def _find_broken(self, event_ms: int) -> str | None:
        """The rule that a message breaks whose time is impossible by the exchange's clock."""
        now_ms = self.exchange_now_ms()
        if now_ms is None or event_ms == UNDATED_MS or abs(event_ms - now_ms) <= _MOST_APART_MS:
            return None
        return EVENT_IN_FUTURE if event_ms > now_ms else EVENT_IN_PAST
