"""The buffer for kinds of which only the newest update per channel counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Generic

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import UNDATED_MS
from candlehouse.pipelines.live.writing.batches import U


class NewestBuffer(Generic[U]):
    """Keeps the newest update of each channel: prices, or snapshots of an order book.

    Attributes:
        is_full: never; it holds no more than one update per channel.
    """

    def __init__(self) -> None:
        self.is_full = False
        self._newest: dict[Channel, U] = {}

    def add(self, update: U) -> int | None:
        """Takes an update; returns how many it replaces, or None when it is late or a duplicate."""
        channel = update.channel
        known = self._newest.get(channel)
        if known is None:
            self._newest[channel] = update
            return 0
        # Those without a time count in the order of receiving.
        if known.event_ms >= update.event_ms != UNDATED_MS:
            return None
        self._newest[channel] = update
        return 1

    def put_back(self, updates: Iterable[U]) -> None:
        """Nothing of a kind that has no durable updates is ever put back.

        Raises:
            AssertionError: when there is something all the same.
        """
        assert not list(updates)

    def take(self) -> tuple[list[U], list[U]]:
        """Nothing that is durable, and the newest of each channel."""
        newest, self._newest = self._newest, {}
        return [], list(newest.values())

    def forget(self, channels: Collection[Channel]) -> None:
        """Leaves out what waits of these."""
        for channel in channels:
            self._newest.pop(channel, None)
