"""What a live feed brings and what it must not bring, and who takes either.

Updates are tuples, because tens of thousands of them pass in a second; a price stays
the text that the exchange sent. Each kind of data has a type of update in a module of its
own (`candle_updates`, `price_updates`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from candlehouse.core.live.channels import Channel
from candlehouse.core.model import Series

# In place of the time of a message that has none: it moves no clock, and no lag is counted.
UNDATED_MS = -1


class Update(Protocol):
    """What every type of update has; its kind is that of its channel."""

    @property
    def channel(self) -> Channel:
        """Where it flows: the same object for all updates of a stream is the fastest."""

    @property
    def event_ms(self) -> int:
        """The exchange's clock when it was sent, in milliseconds since the epoch.

        UNDATED_MS where the exchange does not say it.
        """

    @property
    def line(self) -> str:
        """All of it as one line of text without the line break, for the quarantine."""


class BadMessage(NamedTuple):
    """A message that is not what it must be.

    Attributes:
        raw: its text, cut where it is very long.
        rule: that it breaks, as `quarantined_candles.rule` has it.
        channel: that it is about, None when it does not say.
    """

    raw: str
    rule: str
    channel: Channel | None

    @property
    def series(self) -> Series | None:
        """The series that it is about, None when there is none or it does not say."""
        return None if self.channel is None else self.channel.series


class StreamSink(Protocol):
    """Takes what a stream client receives; called in the client's event loop."""

    def take(self, update: Update) -> None:
        """A valid update, in the order of receiving: late and double ones as well."""

    def take_bad(self, message: BadMessage) -> None:
        """A message that was refused."""

    def flowing(self, channels: Collection[Channel]) -> None:
        """These begin to flow on a new connection; what came before it may be missing."""

    def silent(self, channels: Collection[Channel]) -> None:
        """No connection brings these any more, for now."""

    async def room(self) -> None:
        """Waits while there is no room for more: receiving must be no faster than writing."""


class ConnectionBudget(Protocol):
    """The exchange's limit of connection attempts, shared by every process."""

    async def attempt(self) -> None:
        """Waits until one more connection may be attempted, and counts it."""

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        """Tells every process that this address is banned for `retry_after_s` seconds."""
