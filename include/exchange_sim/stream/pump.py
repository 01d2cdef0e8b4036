"""The one task that lets streams speak when the market's clock says so."""

import asyncio
import heapq
import math
from collections.abc import Callable
from itertools import count

from exchange_sim.clock import MarketClock
from exchange_sim.stream.events import Event
from exchange_sim.stream.sources import Source

# Turns and events in one go before sockets and other requests get their turn.
_BATCH = 1000


class Pump:
    """Drives the sources of all streams that have listeners.

    Args:
        clock: the market's.
        publish: gets every event, in order.
    """

    def __init__(self, clock: MarketClock, publish: Callable[[Event], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._sources: dict[str, Source] = {}
        self._queue: list[tuple[int, int, Source]] = []
        self._order = count()
        self._wake = asyncio.Event()
        self._jumps = clock.jumps
        self._shown_ms = clock.now_ms()
        self._since_break = 0
        clock.listen(self._wake.set)

    def add(self, source: Source) -> None:
        """Let a source speak from now on."""
        self._sources[source.name.text] = source
        self._enqueue(source)
        self._wake.set()

    def remove(self, name: str) -> None:
        """Silence a stream; its place in the queue is found empty later."""
        self._sources.pop(name, None)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            if self._clock.jumps != self._jumps:
                await self._leap()
            elif self._clock.speed == 0:
                # Candles whose final events were on their way when the clock was stopped.
                await self._finish()
            else:
                await self._catch_up()
            await self._rest()

    async def _catch_up(self) -> None:
        """Let every source speak whose time has come, the earliest first."""
        while self._queue and self._queue[0][0] <= self._clock.now_ms():
            _, _, source = heapq.heappop(self._queue)
            if self._sources.get(source.name.text) is not source:
                continue
            await self._breathe()
            now_ms = self._clock.now_ms()
            for _, event in source.finals(now_ms, still=False):
                await self._say(event)
            update = source.update(now_ms)
            if update is not None:
                await self._say(update)
            self._enqueue(source)
            if self._clock.jumps != self._jumps:
                return
        self._shown_ms = self._clock.now_ms()

    async def _leap(self) -> None:
        """Say what a clock that was set passed over, then how things stand."""
        self._jumps = self._clock.jumps
        now_ms = self._clock.now_ms()
        if now_ms < self._shown_ms:
            for source in self._sources.values():
                source.rewind(now_ms)
        self._shown_ms = now_ms
        await self._finish()
        for source in list(self._sources.values()):
            update = source.update(now_ms, forced=True)
            if update is not None:
                await self._say(update)
        self._queue = []
        for source in self._sources.values():
            self._enqueue(source)

    async def _finish(self) -> None:
        """Say what is final at this instant, of all streams together in order of time."""
        now_ms, still = self._clock.now_ms(), self._clock.speed == 0
        due = [final for source in self._sources.values()
               for final in source.finals(now_ms, still=still)]  # fmt: skip
        for _, event in sorted(due, key=lambda final: final[0]):
            await self._say(event)

    async def _say(self, event: Event) -> None:
        self._publish(event)
        await self._breathe()

    async def _breathe(self) -> None:
        self._since_break += 1
        if self._since_break >= _BATCH:
            self._since_break = 0
            await asyncio.sleep(0)

    def _enqueue(self, source: Source) -> None:
        heapq.heappush(self._queue, (source.due_ms(), next(self._order), source))

    async def _rest(self) -> None:
        """Wait for the next due instant, or for a change of clock or listeners."""
        timer = None
        if self._queue and self._clock.speed > 0:
            left_ms = max(0, self._queue[0][0] - self._clock.now_ms()) / self._clock.speed
            # The loop's timers count whole milliseconds and would wake it a little early.
            delay = math.ceil(left_ms + 0.5) / 1000
            timer = asyncio.get_running_loop().call_later(delay, self._wake.set)
        await self._wake.wait()
        if timer is not None:
            timer.cancel()
