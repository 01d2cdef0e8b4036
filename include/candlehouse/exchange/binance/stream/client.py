"""The stream client: divides the wanted channels among connections and keeps them flowing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import ConnectionBudget, StreamSink
from candlehouse.core.task_groups import task_group
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.binance.stream.backoff import Gate
from candlehouse.exchange.binance.stream.client_options import StreamCounters, StreamOptions
from candlehouse.exchange.binance.stream.names import shard_streams, stream_name
from candlehouse.exchange.binance.stream.opening import check_stream_url
from candlehouse.exchange.binance.stream.shard import Shard

_log = logging.getLogger(__name__)


class StreamClient:
    """Receives the wanted channels for as long as it runs; for one event loop.

    Args:
        stream_url: base URL without path, ws:// or wss://.
        budget: limits connection attempts.
        sink: receives all messages.
        options: limits and timeouts.

    Attributes:
        counters: totals since the client was created.

    Raises:
        ConfigurationError: when the URL is not a websocket URL.
    """

    def __init__(
        self,
        stream_url: str,
        budget: ConnectionBudget,
        sink: StreamSink,
        options: StreamOptions | None = None,
    ) -> None:
        check_stream_url(stream_url)
        self.counters = StreamCounters()
        self._stream_url = stream_url
        self._budget = budget
        self._sink = sink
        self._options = options or StreamOptions()
        self._gate = Gate()
        self._wanted: frozenset[Channel] = frozenset()
        self._shards: dict[int, Shard] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._stopped = False

    @property
    def connected(self) -> bool:
        """Whether every wanted channel has an open connection; False without wanted channels."""
        return bool(self._shards) and all(shard.connected for shard in self._shards.values())

    @property
    def last_data_at(self) -> float | None:
        """When the last valid message came, in monotonic seconds; None before the first."""
        return self.counters.last_data_at

    @property
    def reconnects(self) -> int:
        """Number of connections that ended unexpectedly."""
        return self.counters.reconnects

    def want(self, channels: Collection[Channel]) -> None:
        """Sets the wanted channels, before or while the client runs.

        Only differences are subscribed or unsubscribed; everything else flows on.

        Raises:
            KeyError: when the exchange has no streams of such a kind.
        """
        for channel in channels:
            stream_name(channel)
        self._wanted = frozenset(channels)
        self._changed.set()

    def stop(self) -> None:
        """Makes `run` return within about a second; the client cannot be started again."""
        self._stopped = True
        self._changed.set()

    async def run(self) -> None:
        """Keeps all channels flowing until it is stopped or cancelled.

        Raises:
            Exception: errors of the sink or the budget; never errors of the exchange or the
                network.
        """
        shown = hide_user_info(self._stream_url)
        _log.info("streams of %s begin", shown)
        try:
            # The failure of one shard ends this wait and all other shards.
            async with task_group() as group:
                while not self._stopped:
                    self._changed.clear()
                    self._arrange(group)
                    await self._changed.wait()
                for number in tuple(self._tasks):
                    self._end(number)
        finally:
            self._shards.clear()
            _log.info("streams of %s have ended", shown)

    def _arrange(self, group: asyncio.TaskGroup) -> None:
        current = {number: shard.channels for number, shard in self._shards.items()}
        shards = shard_streams(self._wanted, current, self._options.streams_per_connection)
        for number in current.keys() - shards.keys():
            # Its channels are no longer wanted, so their silence is not reported.
            self._shards.pop(number).want(())
            self._end(number)
        for number, channels in shards.items():
            if number not in current:
                self._begin(group, number, channels)
            elif channels != current[number]:
                self._shards[number].want(channels)

    def _begin(self, group: asyncio.TaskGroup, number: int, channels: frozenset[Channel]) -> None:
        shard = Shard(
            number, self._stream_url, channels, self._budget, self._gate, self._sink,
            self._options, self.counters,
        )  # fmt: skip
        self._shards[number] = shard
        self._tasks[number] = group.create_task(shard.run(), name=f"stream shard {number}")

    def _end(self, number: int) -> None:
        self._tasks.pop(number).cancel()
