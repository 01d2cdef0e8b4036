"""One open websocket: receives messages, keeps subscriptions, detects silence."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import StreamSink
from candlehouse.exchange.binance.stream.client_options import StreamCounters, StreamOptions
from candlehouse.exchange.binance.stream.commands import SUBSCRIBE, Command, Subscriptions
from candlehouse.exchange.binance.stream.frames import Reply
from candlehouse.exchange.binance.stream.opening import Socket
from candlehouse.exchange.binance.stream.receiver import Receiver, Steering
from candlehouse.exchange.binance.stream.tasks import first_of
from candlehouse.exchange.binance.stream.watch import StreamWatch

_log = logging.getLogger(__name__)

# Seconds for writing a close, which may hang; the peer's answer has its own limit.
_CLOSE_MARGIN_S = 0.1
# Seconds for messages received at the close to reach the sink.
_DRAIN_S = 0.25
# Bounds of the pause between two looks, in seconds: while the sink has no room, moments at
# which something would be due pass without it.
_SHORTEST_PAUSE_S = 0.001
_PAUSE_WITHOUT_ROOM_S = 0.05


@dataclass(frozen=True, slots=True)
class Listener:
    """Callbacks of a connection; called in the event loop, between messages.

    Attributes:
        sink: receives all messages.
        data_flowed: called when channels begin to deliver valid data.
        over: called once, when the connection has ended.
    """

    sink: StreamSink
    data_flowed: Callable[[], None]
    over: Callable[[Connection], None]


class Connection:
    """An open connection at work until it breaks or is closed.

    Args:
        where: names it in the log.
        socket: open, subscribed to `subscribed` by its URL.
        subscribed: at least one stream.
        patience_s: how long most streams may be silent.
        listener: told of everything.
        options: limits and patience.
        counters: that it adds to.

    Attributes:
        due: why it should be replaced while it still works, None when it need not be.
        was_silent: whether `due` is for the silence of most streams.
        closing: whether its end was asked for.
        opened_at: in monotonic seconds.
    """

    def __init__(
        self,
        where: str,
        socket: Socket,
        subscribed: Collection[Channel],
        patience_s: float,
        listener: Listener,
        options: StreamOptions,
        counters: StreamCounters,
    ) -> None:
        self.due: str | None = None
        self.was_silent = self.closing = False
        self.opened_at = self._resumed_at = time.monotonic()
        self._renews_at = self.opened_at + options.renew_s - options.draw() * options.renew_jitter_s
        self._where = where
        self._socket = socket
        self._listener = listener
        self._options = options
        self._counters = counters
        self._noted_bytes = 0
        self._watch = StreamWatch(options, patience_s)
        self._watch.expect(subscribed, self.opened_at)
        self._commands = Subscriptions(subscribed, options)
        steering = Steering(self._replied, self._shut_down, self._excused, listener.data_flowed)
        self._receiver = Receiver(socket, self._watch.heard, listener.sink, steering, counters)
        self._receiver.expect_flow(frozenset(subscribed))
        self._wake = asyncio.Event()
        self._attention = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=where)

    @property
    def over(self) -> bool:
        """Whether the connection has ended."""
        return self._task.done()

    @property
    def has_data(self) -> bool:
        """Whether any valid message has come."""
        return self._receiver.has_data

    def reason(self) -> str:
        """Why the connection has ended; raises errors that only a bug can cause."""
        return self._task.result()

    async def needs_attention(self) -> None:
        """Waits until the connection has ended or should be replaced."""
        await self._attention.wait()

    def want(self, channels: Collection[Channel]) -> None:
        """Changes the wanted channels; commands are sent at the allowed rate."""
        added = frozenset(channels) - self._watch.heard.keys()
        self._watch.expect(channels, time.monotonic())
        self._commands.want(channels)
        self._receiver.expect_flow(added)
        self._wake.set()

    def heard_since(self, moment: float) -> bool:
        """Whether any valid message has come at or after `moment`."""
        return bool(self._watch.heard_since(moment))

    def covers(self, other: Connection, since: float) -> bool:
        """Whether it delivers every channel that `other` has delivered at or after `since`."""
        if not (self.has_data and self._commands.settled):
            return False
        return not self._watch.unheard() & other._watch.heard_since(since)

    async def close(self) -> None:
        """Ends the connection within a second, after received messages have reached the sink.

        Raises:
            Exception: only errors that a bug causes.
        """
        self.closing = True
        try:
            async with asyncio.timeout(self._options.close_s + _CLOSE_MARGIN_S):
                await self._socket.close()
            await asyncio.wait({self._task}, timeout=_DRAIN_S)
        except TimeoutError:
            _log.debug("%s: the server did not answer the close", self._where)
        finally:
            self._socket.transport.abort()
            self._task.cancel()
            await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    async def _run(self) -> str:
        try:
            return await first_of(self._receiver.run(), self._tend())
        finally:
            self._socket.transport.abort()
            self._note_bytes()
            self._attention.set()
            self._listener.over(self)

    async def _tend(self) -> str:
        while True:
            now = time.monotonic()
            self._note_bytes()
            if now >= self._renews_at:
                self._call_for_successor("it has reached its maximum age")
            # Without room in the sink nothing is read, and every channel would look silent.
            if not self._receiver.without_room:
                if now >= self._dead_at():
                    return f"nothing received for {self._options.silence_s:g} s"
                self._look(now)
                command = self._commands.next(now)
                if self._commands.exhausted:
                    return "commands fail repeatedly"
                if command is not None:
                    await self._send(command)
            await self._pause()

    async def _pause(self) -> None:
        wake_at = min(self._dead_at(), self._watch.wake_at(), self._commands.wake_at())
        if self.due is None:
            wake_at = min(wake_at, self._renews_at)
        without_room = self._receiver.without_room
        shortest_s = _PAUSE_WITHOUT_ROOM_S if without_room else _SHORTEST_PAUSE_S
        # Cleared right after the state was read, without an await in between, so no change is lost.
        self._wake.clear()
        try:
            async with asyncio.timeout(max(wake_at - time.monotonic(), shortest_s)):
                await self._wake.wait()
        except TimeoutError:
            return

    def _dead_at(self) -> float:
        return max(self._socket.received_at, self._resumed_at) + self._options.silence_s

    def _look(self, now: float) -> None:
        found = self._watch.look(now)
        if found.replace:
            self.was_silent = True
            self._call_for_successor("most of its streams are silent")
        if found.resubscribe:
            _log.info("%s: resubscribes %d silent streams", self._where, len(found.resubscribe))
            self._commands.renew(found.resubscribe)
        if found.silent:
            self._listener.sink.silent(found.silent)

    async def _send(self, command: Command) -> None:
        if command.method == SUBSCRIBE:
            self._receiver.expect_flow(frozenset(command.channels) - command.again)
            for channel in command.again:
                self._receiver.expect_flow(frozenset((channel,)))
        try:
            await self._socket.send(command.encode())
        except ConnectionClosed:
            # The receiver ends for the same reason, after the messages that had arrived before.
            return

    def _replied(self, reply: Reply) -> None:
        if reply.error is not None:
            _log.warning("%s: a command was refused: %s", self._where, reply.error)
        self._commands.take(reply)
        self._wake.set()

    def _excused(self, seconds: float) -> None:
        self._resumed_at = time.monotonic()
        self._watch.excuse(seconds)
        self._commands.postpone(seconds)

    def _shut_down(self) -> None:
        self._call_for_successor("the server shuts down")

    def _call_for_successor(self, why: str) -> None:
        if self.due is None:
            self.due = why
            self._attention.set()

    def _note_bytes(self) -> None:
        self._counters.bytes += self._socket.received - self._noted_bytes
        self._noted_bytes = self._socket.received
