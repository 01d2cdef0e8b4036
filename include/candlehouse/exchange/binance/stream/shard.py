"""Keeps a set of channels flowing: one connection at a time, two during a replacement."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection

from candlehouse.core.errors import CandlehouseError
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import ConnectionBudget, StreamSink
from candlehouse.exchange.binance.stream.backoff import Backoff, Gate, Refusal
from candlehouse.exchange.binance.stream.client_options import StreamCounters, StreamOptions
from candlehouse.exchange.binance.stream.connection import Connection, Listener
from candlehouse.exchange.binance.stream.opening import ConnectFailed, fit_into_url, open_socket

_log = logging.getLogger(__name__)


class Shard:
    """Streams that share a connection.

    Args:
        number: names it in the log.
        stream_url: base without path.
        channels: at least one.
        budget: asked before every attempt.
        gate: shared by all shards of this address.
        sink: takes what comes.
        options: limits and patience.
        counters: that it adds to.
    """

    def __init__(
        self,
        number: int,
        stream_url: str,
        channels: Collection[Channel],
        budget: ConnectionBudget,
        gate: Gate,
        sink: StreamSink,
        options: StreamOptions,
        counters: StreamCounters,
    ) -> None:
        self.channels = frozenset(channels)
        self._where = f"stream shard {number}"
        self._stream_url = stream_url
        self._budget = budget
        self._gate = gate
        self._sink = sink
        self._options = options
        self._counters = counters
        self._backoff = Backoff(options.first_delay_s, options.longest_delay_s, options.draw)
        self._listener = Listener(sink, self._backoff.data_flowed, self._lost)
        self._patience_s = options.stream_silence_s
        self._delay_s = 0.0
        self._open: list[Connection] = []

    @property
    def connected(self) -> bool:
        """Whether the shard has an open connection."""
        return bool(self._open)

    def want(self, channels: Collection[Channel]) -> None:
        """Changes the wanted channels on the open connection."""
        self.channels = frozenset(channels)
        for connection in self._open:
            connection.want(self.channels)

    async def run(self) -> None:
        """Runs until it is cancelled; then closes its connections within a second."""
        current: Connection | None = None
        try:
            while True:
                successor = await self._connect()
                if current is not None:
                    successor = await self._hand_over(current, successor)
                current = successor
                await current.needs_attention()
                self._judge(current)
        finally:
            await asyncio.gather(*[connection.close() for connection in tuple(self._open)])

    async def _connect(self) -> Connection:
        while True:
            await asyncio.sleep(self._delay_s)
            try:
                connection = await self._attempt()
            except ConnectFailed as error:
                if error.refusal is not None:
                    await self._heed(error.refusal, error)
                self._delay_s = self._backoff.failed(error.refusal)
                _log.warning(
                    "%s: no connection, next attempt in %.1f s: %s",
                    self._where, self._delay_s, error,
                )  # fmt: skip
            except CandlehouseError as error:
                # The budget may be unreachable as well.
                if not error.retryable:
                    raise
                self._delay_s = self._backoff.failed()
                _log.warning("%s: next attempt in %.1f s: %s", self._where, self._delay_s, error)
            else:
                return connection

    async def _heed(self, refusal: Refusal, error: ConnectFailed) -> None:
        self._gate.close(refusal, time.monotonic())
        if refusal.is_ban and refusal.closed_s is not None:
            await self._budget.close_gate(refusal.closed_s, f"{self._where}: {error}")

    async def _attempt(self) -> Connection:
        await self._budget.attempt()
        # Another shard may have been refused while this one waited.
        while (wait_s := self._gate.remaining_s(time.monotonic())) > 0:
            await asyncio.sleep(wait_s)
            await self._budget.attempt()
        self._counters.attempts += 1
        url, subscribed = fit_into_url(self._stream_url, self.channels, self._options.url_bytes)
        socket = await open_socket(url, self._options)
        self._counters.connections += 1
        connection = Connection(
            self._where, socket, subscribed, self._patience_s, self._listener,
            self._options, self._counters,
        )  # fmt: skip
        self._open.append(connection)
        # The rest, and what has changed while the socket was being opened.
        connection.want(self.channels)
        _log.info("%s: connected for %d streams", self._where, len(self.channels))
        return connection

    async def _hand_over(self, old: Connection, new: Connection) -> Connection:
        """Returns the connection to continue with; the other one is closed.

        Both deliver messages until the new connection covers every channel of the old one.
        """
        options = self._options
        deadline = new.opened_at + options.hand_over_s
        while not (old.over or new.over) and time.monotonic() < deadline:
            if new.covers(old, new.opened_at - options.hand_over_s):
                break
            await asyncio.sleep(options.hand_over_s / 200)
        if old.over:
            old.reason()
            return new
        # A connection without data must not replace one with data.
        is_worse = not new.has_data and old.heard_since(new.opened_at)
        kept, left = (old, new) if new.over or is_worse else (new, old)
        _log.info("%s: the %s connection goes on", self._where, "old" if kept is old else "new")
        self._counters.renewals += kept is new
        await left.close()
        return kept

    def _judge(self, connection: Connection) -> None:
        """Says how long to wait before the next attempt, which takes the place of this one."""
        self._delay_s = self._backoff.failed()
        if connection.over:
            why = f"connection lost ({connection.reason()})"
        else:
            why = f"connection to be replaced: {connection.due}"
        # New connections do not help when most channels are silent for good reasons.
        grown_s = min(self._patience_s * 2, self._options.longest_silence_s)
        base_s = self._options.stream_silence_s
        self._patience_s = max(grown_s, base_s) if connection.was_silent else base_s
        _log.log(
            logging.WARNING if connection.over else logging.INFO,
            "%s: %s, next attempt in %.1f s", self._where, why, self._delay_s,
        )  # fmt: skip

    def _lost(self, connection: Connection) -> None:
        self._open.remove(connection)
        self._counters.reconnects += not connection.closing
        if not self._open and self.channels:
            self._sink.silent(self.channels)
