"""Detects silent streams and decides what to do about them, without I/O."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from candlehouse.core.live.channels import Channel
from candlehouse.exchange.binance.stream.client_options import StreamOptions

_TRIES_BEFORE_TELLING = 2


class Findings(NamedTuple):
    """The result of a check of all streams.

    Attributes:
        resubscribe: channels to subscribe again.
        silent: those of them that stayed silent after resubscribing, each reported once.
        replace: whether most streams are silent, so that the connection is to be replaced.
    """

    resubscribe: tuple[Channel, ...] = ()
    silent: tuple[Channel, ...] = ()
    replace: bool = False


NOTHING = Findings()


@dataclass(slots=True)
class _Suspect:
    tries: int
    due_at: float


class StreamWatch:
    """Tracks when each stream of a connection last delivered a message.

    A halted or illiquid symbol is silent for good reasons: a single silent stream is resubscribed
    with growing delays, and never causes the connection to be replaced.

    Args:
        options: how long a stream may be silent.
        patience_s: how long most streams may be silent; at least `stream_silence_s`.

    Attributes:
        heard: time of the last message of each expected stream, in monotonic seconds; before the
            first message the time since which it is expected. The receiver updates it.
    """

    def __init__(self, options: StreamOptions, patience_s: float) -> None:
        self.heard: dict[Channel, float] = {}
        self._since: dict[Channel, float] = {}
        self._silence_s = options.stream_silence_s
        self._longest_s = options.longest_silence_s
        self._patience_s = patience_s
        # A check costs time per stream, so the interval is a twentieth of the patience.
        self._every_s = options.stream_silence_s / 20
        self._suspects: dict[Channel, _Suspect] = {}
        self._looks_at = float("-inf")

    def expect(self, channels: Collection[Channel], now: float) -> None:
        """Sets the expected channels; channels that were expected before keep their time."""
        wanted = set(channels)
        for channel in self.heard.keys() - wanted:
            del self.heard[channel], self._since[channel]
        for channel in wanted - self.heard.keys():
            self.heard[channel] = self._since[channel] = now

    def unheard(self) -> set[Channel]:
        """Channels that have delivered nothing since they are expected."""
        return {channel for channel, at in self.heard.items() if at == self._since[channel]}

    def heard_since(self, moment: float) -> set[Channel]:
        """Channels that have delivered a message at or after `moment`."""
        return {
            channel
            for channel, at in self.heard.items()
            if at >= moment and at != self._since[channel]
        }

    def excuse(self, seconds: float) -> None:
        """Extends all timeouts by a time during which nothing could be received."""
        for channel in self.heard:
            self.heard[channel] += seconds
            self._since[channel] += seconds

    def wake_at(self) -> float:
        """When the next check is due."""
        return self._looks_at

    def look(self, now: float) -> Findings:
        """Finds silent streams; returns empty findings before the next check is due."""
        if now < self._looks_at:
            return NOTHING
        self._looks_at = now + self._every_s
        idle = [channel for channel, at in self.heard.items() if now - at >= self._silence_s]
        known = self._suspects
        self._suspects = {channel: known.get(channel) or _Suspect(0, now) for channel in idle}
        if self._is_most(now):
            return Findings(replace=True)
        due = [channel for channel in idle if self._suspects[channel].due_at <= now]
        for channel in due:
            self._note_try(self._suspects[channel], now)
        first_report = _TRIES_BEFORE_TELLING + 1
        reported = [channel for channel in due if self._suspects[channel].tries == first_report]
        return Findings(tuple(due), tuple(reported))

    def _is_most(self, now: float) -> bool:
        silent = sum(now - at >= self._patience_s for at in self.heard.values())
        # A single silent stream cannot be distinguished from a halted symbol.
        return silent >= 2 and silent * 2 > len(self.heard)

    def _note_try(self, suspect: _Suspect, now: float) -> None:
        suspect.tries += 1
        growth: float = 2.0 ** min(max(suspect.tries - _TRIES_BEFORE_TELLING, 0), 16)
        longest_s = max(self._longest_s, self._silence_s)
        suspect.due_at = now + min(self._silence_s * growth, longest_s)
