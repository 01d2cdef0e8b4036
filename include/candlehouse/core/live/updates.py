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

# The event time of a message without one: it moves no clock, and its lag is not counted.
UNDATED_MS = -1


class Update(Protocol):
    """The interface of all updates; their kind is that of their channel."""

    @property
    def channel(self) -> Channel:
        """The channel of the update; for speed the same object for all updates of a stream."""

    @property
    def event_ms(self) -> int:
        """The exchange's clock when it was sent, in milliseconds since the epoch.

        UNDATED_MS where the exchange does not report it.
        """

    @property
    def line(self) -> str:
        """The update as one line of text without line break, for the quarantine."""


class BadMessage(NamedTuple):
    """A message that breaks a rule.

    Attributes:
        raw: its text, cut where it is very long.
        rule: name of the broken rule, as in `quarantined_candles.rule`.
        channel: of the message, None when it does not name one.
    """

    raw: str
    rule: str
    channel: Channel | None

    @property
    def series(self) -> Series | None:
        """The series of the message, None when it has no timeframe or does not name a channel."""
        return None if self.channel is None else self.channel.series


class StreamSink(Protocol):
    """Receives what a stream client receives; called in the client's event loop."""

    def take(self, update: Update) -> None:
        """Receives a valid update, in the order of arrival, including late and duplicate ones."""

    def take_bad(self, message: BadMessage) -> None:
        """Receives a refused message."""

    def flowing(self, channels: Collection[Channel]) -> None:
        """Reports that channels flow on a new connection; earlier messages may be missing."""

    def silent(self, channels: Collection[Channel]) -> None:
        """Reports that no connection delivers these channels at present."""

    async def room(self) -> None:
        """Waits until there is room for more updates (backpressure)."""


class ConnectionBudget(Protocol):
    """The exchange's limit on connection attempts, shared by every process."""

    async def attempt(self) -> None:
        """Waits until one more connection may be attempted, and counts it."""

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        """Stops every process, because this IP address is banned for `retry_after_s` seconds."""
