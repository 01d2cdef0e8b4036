"""A sink that records every call, and a budget that records every attempt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import PriceUpdate
from candlehouse.core.live.updates import BadMessage, Update


@dataclass
class RecordingSink:
    """Records all updates; `events` are the calls about channels, in their order."""

    candles: list[CandleUpdate] = field(default_factory=list)
    prices: list[PriceUpdate] = field(default_factory=list)
    bad: list[BadMessage] = field(default_factory=list)
    events: list[tuple[str, frozenset[Channel]]] = field(default_factory=list)
    has_room: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.has_room.set()

    def take(self, update: Update) -> None:
        if isinstance(update, CandleUpdate):
            self.candles.append(update)
        elif isinstance(update, PriceUpdate):
            self.prices.append(update)
        else:
            raise AssertionError(f"of a kind that no test streams: {update}")

    def take_bad(self, message: BadMessage) -> None:
        self.bad.append(message)

    def flowing(self, channels: Collection[Channel]) -> None:
        self.events.append(("flowing", frozenset(channels)))

    def silent(self, channels: Collection[Channel]) -> None:
        self.events.append(("silent", frozenset(channels)))

    async def room(self) -> None:
        await self.has_room.wait()

    def count(self, word: str) -> int:
        return sum(what == word for what, _ in self.events)


@dataclass
class CountingBudget:
    """Grants every attempt and records its time, in monotonic seconds."""

    attempts: list[float] = field(default_factory=list)
    bans: list[float] = field(default_factory=list)

    async def attempt(self) -> None:
        self.attempts.append(time.monotonic())

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        self.bans.append(retry_after_s)


async def until(condition: Callable[[], object], deadline_s: float = 30.0) -> None:
    """Waits until a condition holds, however slow the machine is."""
    async with asyncio.timeout(deadline_s):
        # Conditions are about a server and a client that know nothing of the test.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
