"""Which commands bring a connection's subscriptions to what is wanted. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec

from candlehouse.core.live.channels import Channel
from candlehouse.exchange.binance.stream.client_options import StreamOptions
from candlehouse.exchange.binance.stream.frames import Reply
from candlehouse.exchange.binance.stream.names import stream_name

SUBSCRIBE = "SUBSCRIBE"
UNSUBSCRIBE = "UNSUBSCRIBE"
NEVER = float("inf")


class Command(NamedTuple):
    """One message to the exchange; `again` are those subscribed anew for their silence."""

    number: int
    method: str
    channels: tuple[Channel, ...]
    again: frozenset[Channel]

    def encode(self) -> str:
        """The message's text."""
        params = [stream_name(channel) for channel in self.channels]
        message = {"method": self.method, "params": params, "id": self.number}
        return msgspec.json.encode(message).decode()


class Subscriptions:
    """What one connection is subscribed to, as far as the exchange has said.

    One command at a time is under way, so that an error without a number can only be
    about that one. All times are seconds of one monotonic clock.

    Args:
        active: subscribed by the URL.
        options: batch, gap, and the patience with replies.
    """

    def __init__(self, active: Collection[Channel], options: StreamOptions) -> None:
        self._options = options
        self._active = set(active)
        self._wanted = set(active)
        self._again: set[Channel] = set()
        # Of a failed command nobody knows whether it was carried out.
        self._unsure: set[Channel] = set()
        self._pending: Command | None = None
        self._number = 0
        self._failures = 0
        self._sent_at = float("-inf")

    @property
    def exhausted(self) -> bool:
        """Whether one command has failed too often: the connection is of no use."""
        return self._failures >= self._options.command_attempts

    @property
    def settled(self) -> bool:
        """Whether the exchange has confirmed all that is wanted."""
        return self._pending is None and self._choose() is None

    def want(self, channels: Iterable[Channel]) -> None:
        """Sets what is to be subscribed, whatever is."""
        self._wanted = set(channels)
        self._again &= self._wanted

    def renew(self, channels: Iterable[Channel]) -> None:
        """Has these unsubscribed and subscribed again."""
        self._again |= self._wanted & set(channels)

    def next(self, now: float) -> Command | None:
        """The command to send now, None when there is none or it is too early.

        What it returns counts as sent at `now`.
        """
        if self._pending is not None:
            if now < self._sent_at + self._options.reply_s:
                return None
            self._fail()
        if self.exhausted or now < self._sent_at + self._options.command_gap_s:
            return None
        chosen = self._choose()
        if chosen is None:
            return None
        method, channels = chosen
        batch = tuple(sorted(channels, key=stream_name)[: self._options.batch])
        self._number += 1
        self._sent_at = now
        self._pending = Command(self._number, method, batch, frozenset(batch) & self._again)
        return self._pending

    def take(self, reply: Reply) -> None:
        """Learns how the command under way went; ignores answers to any other."""
        pending = self._pending
        if pending is None or (reply.number or pending.number) != pending.number:
            return
        if reply.error is not None:
            self._fail()
            return
        if reply.number is None:
            return
        self._pending, self._failures = None, 0
        self._unsure.difference_update(pending.channels)
        if pending.method == SUBSCRIBE:
            self._active.update(pending.channels)
            self._again.difference_update(pending.again)
        else:
            self._active.difference_update(pending.channels)

    def postpone(self, seconds: float) -> None:
        """Excuses a reply that could not be read while the sink had no room."""
        if self._pending is not None:
            self._sent_at += seconds

    def wake_at(self) -> float:
        """When `next` has something to say or to judge, unless a reply comes before."""
        if self._pending is not None:
            return self._sent_at + self._options.reply_s
        if self._choose() is None:
            return NEVER
        return self._sent_at + self._options.command_gap_s

    def _fail(self) -> None:
        if self._pending is not None:
            self._unsure.update(self._pending.channels)
        self._pending = None
        self._failures += 1

    def _choose(self) -> tuple[str, set[Channel]] | None:
        # Dropping comes first, so that the number of streams stays under the limit.
        unwanted = (self._active | self._unsure) - self._wanted
        dropped = unwanted | (self._active & self._again)
        if dropped:
            return UNSUBSCRIBE, dropped
        missing = self._wanted - (self._active - self._unsure)
        return (SUBSCRIBE, missing) if missing else None
