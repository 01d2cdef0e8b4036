"""Decides which commands bring a connection's subscriptions to the wanted ones, without I/O."""

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
    """One message to the exchange; `again` are the channels that are resubscribed after silence."""

    number: int
    method: str
    channels: tuple[Channel, ...]
    again: frozenset[Channel]

    def encode(self) -> str:
        """The message as JSON text."""
        params = [stream_name(channel) for channel in self.channels]
        message = {"method": self.method, "params": params, "id": self.number}
        return msgspec.json.encode(message).decode()


class Subscriptions:
    """The subscriptions of one connection, as far as the exchange has confirmed them.

    At most one command is in flight, so that an error without a number refers to that command. All
    times are seconds of one monotonic clock.

    Args:
        active: channels subscribed by the URL.
        options: batch size, gap between commands, and timeout of replies.
    """

    def __init__(self, active: Collection[Channel], options: StreamOptions) -> None:
        self._options = options
        self._active = set(active)
        self._wanted = set(active)
        self._again: set[Channel] = set()
        # It is unknown whether a failed command was carried out.
        self._unsure: set[Channel] = set()
        self._pending: Command | None = None
        self._number = 0
        self._failures = 0
        self._sent_at = float("-inf")

    @property
    def exhausted(self) -> bool:
        """Whether a command has failed too often, so that the connection has to be replaced."""
        return self._failures >= self._options.command_attempts

    @property
    def settled(self) -> bool:
        """Whether the exchange has confirmed all wanted subscriptions."""
        return self._pending is None and self._choose() is None

    def want(self, channels: Iterable[Channel]) -> None:
        """Sets the wanted channels, whatever is subscribed now."""
        self._wanted = set(channels)
        self._again &= self._wanted

    def renew(self, channels: Iterable[Channel]) -> None:
        """Marks channels to be unsubscribed and subscribed again."""
        self._again |= self._wanted & set(channels)

    def next(self, now: float) -> Command | None:
        """The command to send now; None when no command is waiting, or it is too early.

        The returned command counts as sent at `now`.
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
        """Processes the reply to the command in flight; ignores replies to any other."""
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
        """Extends the timeout of the reply by the time in which the sink had no room."""
        if self._pending is not None:
            self._sent_at += seconds

    def wake_at(self) -> float:
        """When `next` has to be called again, unless a reply comes before."""
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
        # Unsubscribes first, so that the number of streams stays within the limit.
        unwanted = (self._active | self._unsure) - self._wanted
        dropped = unwanted | (self._active & self._again)
        if dropped:
            return UNSUBSCRIBE, dropped
        missing = self._wanted - (self._active - self._unsure)
        return (SUBSCRIBE, missing) if missing else None
