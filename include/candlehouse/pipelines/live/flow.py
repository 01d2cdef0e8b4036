"""Whether a session's streams flow, and which."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Protocol

from candlehouse.core.live.channels import Channel
from candlehouse.storage.live.stream_sessions import Mode


class Feed(Protocol):
    """What a stream client tells of itself."""

    @property
    def connected(self) -> bool:
        """Whether all that is wanted has an open connection."""

    @property
    def last_data_at(self) -> float | None:
        """When the last valid message came, in monotonic seconds; None before."""


class Flow:
    """Which channels a stream brings now, and what takes its place while none does.

    Args:
        poll_after_s: without a message after which REST takes the stream's place.
    """

    def __init__(self, poll_after_s: float) -> None:
        self._poll_after_s = poll_after_s
        self._began = time.monotonic()
        self._flowing: set[Channel] = set()
        self._feed: Feed | None = None

    def watch(self, feed: Feed) -> None:
        """Sets whose messages these are."""
        self._feed = feed

    def begin(self, channels: Collection[Channel]) -> None:
        """These flow from now on."""
        self._flowing.update(channels)

    def end(self, channels: Collection[Channel]) -> None:
        """These flow no longer."""
        self._flowing.difference_update(channels)

    @property
    def mode(self) -> Mode:
        """Where live candles come from."""
        if self._quiet_s >= self._poll_after_s:
            return Mode.POLLING
        return Mode.STREAM if self._feed is not None and self._feed.connected else Mode.NONE

    @property
    def realtime(self) -> frozenset[Channel]:
        """What a stream brings now."""
        return frozenset(self._flowing) if self.mode is Mode.STREAM else frozenset()

    @property
    def last_message_at(self) -> datetime | None:
        """When a stream brought something last, on wall time; None before the first message."""
        heard = self._feed is not None and self._feed.last_data_at is not None
        return datetime.now(UTC) - timedelta(seconds=self._quiet_s) if heard else None

    @property
    def _quiet_s(self) -> float:
        last = None if self._feed is None else self._feed.last_data_at
        return time.monotonic() - (self._began if last is None else last)
