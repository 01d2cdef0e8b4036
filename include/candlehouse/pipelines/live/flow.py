"""Tracks which channels a session receives, and where its live data comes from."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Protocol

from candlehouse.core.live.channels import Channel
from candlehouse.storage.live.stream_sessions import Mode


class Feed(Protocol):
    """State of a stream client."""

    @property
    def connected(self) -> bool:
        """Whether every wanted channel has an open connection."""

    @property
    def last_data_at(self) -> float | None:
        """Time of the last valid message, in monotonic seconds; None before the first one."""


class Flow:
    """The channels that a stream delivers now, and the mode of the session.

    Args:
        poll_after_s: seconds without a message after which REST is polled instead.
    """

    def __init__(self, poll_after_s: float) -> None:
        self._poll_after_s = poll_after_s
        self._began = time.monotonic()
        self._flowing: set[Channel] = set()
        self._feed: Feed | None = None

    def watch(self, feed: Feed) -> None:
        """Sets the stream client to watch."""
        self._feed = feed

    def begin(self, channels: Collection[Channel]) -> None:
        """Records that a stream delivers these channels from now on."""
        self._flowing.update(channels)

    def end(self, channels: Collection[Channel]) -> None:
        """Records that no stream delivers these channels any more."""
        self._flowing.difference_update(channels)

    @property
    def mode(self) -> Mode:
        """Where live data comes from: streams, polling of REST, or nowhere."""
        if self._quiet_s >= self._poll_after_s:
            return Mode.POLLING
        return Mode.STREAM if self._feed is not None and self._feed.connected else Mode.NONE

    @property
    def realtime(self) -> frozenset[Channel]:
        """Channels that a stream delivers now; empty unless the mode is STREAM."""
        return frozenset(self._flowing) if self.mode is Mode.STREAM else frozenset()

    @property
    def last_message_at(self) -> datetime | None:
        """UTC time of the last message by this machine's clock; None before the first one."""
        heard = self._feed is not None and self._feed.last_data_at is not None
        return datetime.now(UTC) - timedelta(seconds=self._quiet_s) if heard else None

    @property
    def _quiet_s(self) -> float:
        last = None if self._feed is None else self._feed.last_data_at
        return time.monotonic() - (self._began if last is None else last)
