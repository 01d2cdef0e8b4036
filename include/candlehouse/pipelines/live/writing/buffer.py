"""What was received and is not written yet: updates of one candle coalesce, closes never do."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from candlehouse.core.live.candle_updates import CANDLES, CandleUpdate
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import PRICES, PriceUpdate
from candlehouse.core.live.updates import BadMessage, Update
from candlehouse.core.rules import EVENT_IN_FUTURE, EVENT_IN_PAST

# Receiving waits beyond these: closed candles and messages that no commit has covered yet.
MOST_CLOSED = 20_000
MOST_MESSAGES = 200_000
# Refused messages that one batch keeps whole; a flood of them is only counted.
MOST_BAD = 100
# Milliseconds: a message that is dated so far from the newest one is looked at twice, and
# refused when it lies so far from the exchange's own clock. One of the future that were
# believed would keep everything out that comes after it.
_LEAP_MS = 3_600_000
_MOST_APART_MS = 86_400_000
# How many closed candles of a series are remembered to know one that comes twice.
_REMEMBERED = 8


@dataclass(slots=True)
class Counters:
    """What became of the messages of a session.

    Attributes:
        received: all messages, refused ones too.
        validated: well-formed ones.
        errors: refused ones.
        stale: late or double ones, that say nothing new.
        coalesced: updates that a newer one replaced before they were written.
        dropped: updates of forming candles that no database could take.
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


@dataclass(frozen=True, slots=True)
class Batch:
    """What one flush writes.

    Attributes:
        closed: in the order of receiving.
        forming: the newest update of each series that changed; closed ones too.
        prices: the newest of each symbol.
        bad: refused messages to be kept.
        events_ms: the exchange's time of every message that is covered by the batch.
    """

    closed: list[CandleUpdate] = field(default_factory=list)
    forming: list[CandleUpdate] = field(default_factory=list)
    prices: list[PriceUpdate] = field(default_factory=list)
    bad: list[BadMessage] = field(default_factory=list)
    events_ms: list[int] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.closed or self.forming or self.prices or self.bad)


class _Latest:
    """The newest that is known of a series.

    Attributes:
        newest: open time and event time of the newest update, in milliseconds.
        closed_ms: open time of the newest candle that closed: nothing reopens it.
        closed: the last closes, to know one that comes twice.
    """

    __slots__ = ("closed", "closed_ms", "newest")

    def __init__(self) -> None:
        self.newest = (-1, -1)
        self.closed_ms = -1
        self.closed: deque[CandleUpdate] = deque(maxlen=_REMEMBERED)


class Batcher:
    """A StreamSink that collects a batch while the one before is being written.

    For one event loop. Two connections may bring the same messages (a hand-over, a
    standby): what comes twice or late is counted and left out.

    Args:
        on_closed: called for every closed candle that is new.
        on_flowing: called when channels begin to flow on a new connection.
        on_silent: called when no connection brings channels any more.
    """

    def __init__(
        self,
        on_closed: Callable[[CandleUpdate], None],
        on_flowing: Callable[[Collection[Channel]], None],
        on_silent: Callable[[Collection[Channel]], None],
    ) -> None:
        self.counters = Counters()
        # The exchange's clock, by the newest message.
        self.clock_ms = 0
        # Milliseconds by which it is ahead of this machine's, None while that is not known.
        self.clock_offset_ms: int | None = None
        self._on_closed = on_closed
        self._on_flowing = on_flowing
        self._on_silent = on_silent
        self._latest: dict[Channel, _Latest] = {}
        self._forming: dict[Channel, CandleUpdate] = {}
        self._prices: dict[Channel, PriceUpdate] = {}
        self._takers: dict[str, Callable[[Any], None]] = {
            CANDLES: self._take_candle,
            PRICES: self._take_price,
        }
        self._closed: list[CandleUpdate] = []
        self._bad: list[BadMessage] = []
        self._events_ms: list[int] = []
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def take(self, update: Update) -> None:
        """A valid update of any kind."""
        self._takers[update.channel.kind](update)

    def _take_candle(self, update: CandleUpdate) -> None:
        channel, open_ms, event_ms, closed, line = update
        if self._leaps(event_ms) and (rule := self._find_broken(event_ms)):
            self.take_bad(BadMessage(line, rule, channel))
            return
        counters = self.counters
        counters.received += 1
        counters.validated += 1
        latest = self._latest.get(channel)
        if latest is None:
            latest = self._latest[channel] = _Latest()
        if closed:
            if not self._take_close(latest, update):
                counters.stale += 1
                return
        elif open_ms <= latest.closed_ms or (open_ms, event_ms) <= latest.newest:
            counters.stale += 1
            return
        # A close is news even if an update of the next candle has overtaken it.
        if (open_ms, event_ms) > latest.newest:
            latest.newest = (open_ms, event_ms)
            if channel in self._forming:
                counters.coalesced += 1
            self._forming[channel] = update
        self._note(event_ms)

    def _take_close(self, latest: _Latest, update: CandleUpdate) -> bool:
        """Whether the close was not known yet."""
        for known in latest.closed:
            if known.open_ms == update.open_ms and known.line == update.line:
                return False
        latest.closed.append(update)
        latest.closed_ms = max(latest.closed_ms, update.open_ms)
        self._closed.append(update)
        self._on_closed(update)
        return True

    def _take_price(self, update: PriceUpdate) -> None:
        event_ms = update.event_ms
        if self._leaps(event_ms) and (rule := self._find_broken(event_ms)):
            self.take_bad(BadMessage(update.line, rule, update.channel))
            return
        counters = self.counters
        counters.received += 1
        counters.validated += 1
        known = self._prices.get(update.channel)
        if known is not None:
            if known.event_ms >= event_ms:
                counters.stale += 1
                return
            counters.coalesced += 1
        self._prices[update.channel] = update
        self._note(event_ms)

    def take_bad(self, message: BadMessage) -> None:
        """A message that was refused."""
        self.counters.received += 1
        self.counters.errors += 1
        if len(self._bad) < MOST_BAD:
            self._bad.append(message)
            self._something.set()

    def flowing(self, channels: Collection[Channel]) -> None:
        """These begin to flow on a new connection."""
        self._on_flowing(channels)

    def silent(self, channels: Collection[Channel]) -> None:
        """No connection brings these any more, for now."""
        self._on_silent(channels)

    async def room(self) -> None:
        """Waits while as much is waiting to be written as may be."""
        await self._room.wait()

    async def wait(self) -> None:
        """Until there is something to write."""
        await self._something.wait()

    def put_back(self, closed: Iterable[CandleUpdate]) -> None:
        """Takes closed candles that could not be written yet, before those that came since."""
        self._closed[:0] = closed
        if self._closed:
            self._something.set()

    def take_batch(self) -> Batch:
        """Everything that came since the last taking."""
        batch = Batch(
            self._closed,
            list(self._forming.values()),
            list(self._prices.values()),
            self._bad,
            self._events_ms,
        )
        self._closed, self._bad, self._events_ms = [], [], []
        self._forming, self._prices = {}, {}
        self._something.clear()
        self._room.set()
        return batch

    def forget(self, channels: Collection[Channel]) -> None:
        """Leaves out what waits of these and is not closed."""
        for channel in channels:
            self._latest.pop(channel, None)
            self._forming.pop(channel, None)
            self._prices.pop(channel, None)

    def exchange_now_ms(self) -> int | None:
        """The exchange's clock by this machine's, None while they were not compared."""
        if self.clock_offset_ms is None:
            return None
        return time.time_ns() // 1_000_000 + self.clock_offset_ms

    def _leaps(self, event_ms: int) -> bool:
        """Whether a message is dated far from the newest one, or is the first."""
        return not self.clock_ms or abs(event_ms - self.clock_ms) > _LEAP_MS

    def _find_broken(self, event_ms: int) -> str | None:
        """The rule that a message breaks whose time no clock of the exchange can have said."""
        now_ms = self.exchange_now_ms()
        if now_ms is None or abs(event_ms - now_ms) <= _MOST_APART_MS:
            return None
        return EVENT_IN_FUTURE if event_ms > now_ms else EVENT_IN_PAST

    def _note(self, event_ms: int) -> None:
        self.clock_ms = max(self.clock_ms, event_ms)
        events_ms = self._events_ms
        events_ms.append(event_ms)
        if len(events_ms) == 1:
            self._something.set()
        elif len(events_ms) >= MOST_MESSAGES or len(self._closed) >= MOST_CLOSED:
            self._room.clear()
