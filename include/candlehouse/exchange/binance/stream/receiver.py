"""The receive loop: decodes each message once and passes it on at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import BadMessage, StreamSink
from candlehouse.exchange.binance.stream.client_options import StreamCounters
from candlehouse.exchange.binance.stream.frames import Reply, Shutdown, decode_frame
from candlehouse.exchange.binance.stream.opening import Socket, describe

# A socket that always has data must not block the event loop.
_MOST_AT_ONCE = 256
_LONGEST_AT_ONCE_S = 0.005
# A tuple written where it is used would be made for every message.
_NO_DATA = (BadMessage, Reply, Shutdown)
# Shortest wait for room, in seconds, by which timeouts are extended.
_LONG_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class Steering:
    """Callbacks for everything but data; called in the event loop, between messages.

    Attributes:
        replied: called with the reply to a command.
        shut_down: called when the server announces that it closes.
        excused: called with the seconds in which nothing was read because the sink had no room.
        data_flowed: called when channels begin to deliver valid data.
    """

    replied: Callable[[Reply], None]
    shut_down: Callable[[], None]
    excused: Callable[[float], None]
    data_flowed: Callable[[], None]


class Receiver:
    """Feeds a sink from one socket.

    Args:
        socket: open.
        heard: when each wanted stream was heard, in monotonic seconds; is kept up to date.
            Messages of other streams are dropped: they were on their way when their
            stream was unsubscribed.
        sink: takes what is received.
        steering: hears of the rest.
        counters: that it adds to.

    Attributes:
        has_data: whether anything valid has come.
        without_room: whether it stands still because the sink has no room.
    """

    def __init__(
        self,
        socket: Socket,
        heard: dict[Channel, float],
        sink: StreamSink,
        steering: Steering,
        counters: StreamCounters,
    ) -> None:
        self.has_data = False
        self.without_room = False
        self._socket = socket
        self._heard = heard
        self._sink = sink
        self._steering = steering
        self._counters = counters
        # Streams that have not begun to flow, each with those subscribed together with it.
        self._groups: dict[Channel, frozenset[Channel]] = {}

    def expect_flow(self, channels: frozenset[Channel]) -> None:
        """Reports the channels to the sink as flowing, together, with the first message of any."""
        self._groups.update(dict.fromkeys(channels, channels))

    async def run(self) -> str:
        """Receives until the connection ends; returns the reason in words."""
        receive = self._socket.recv
        breathed_at, taken = time.monotonic(), 0
        try:
            while True:
                raw = await receive(decode=False)
                now = time.monotonic()
                self._take(raw, now)
                taken += 1
                if taken >= _MOST_AT_ONCE or now - breathed_at > _LONGEST_AT_ONCE_S:
                    await self._breathe()
                    breathed_at, taken = time.monotonic(), 0
        except ConnectionClosed as error:
            return describe(error)

    def _take(self, raw: bytes, now: float) -> None:
        update = decode_frame(raw)
        if isinstance(update, _NO_DATA):
            self._take_other(update)
            return
        channel = update.channel
        if channel not in self._heard:
            self._counters.unasked += 1
            return
        self._heard[channel] = now
        self._counters.messages += 1
        self._counters.last_data_at = now
        if self._groups and channel in self._groups:
            self._begin(channel)
        self._sink.take(update)

    def _take_other(self, message: BadMessage | Shutdown | Reply) -> None:
        if isinstance(message, Reply):
            self._steering.replied(message)
        elif isinstance(message, Shutdown):
            self._steering.shut_down()
        else:
            self._counters.bad_messages += 1
            self._sink.take_bad(message)

    def _begin(self, channel: Channel) -> None:
        group = self._groups[channel]
        for member in group:
            if self._groups.get(member) is group:
                del self._groups[member]
        self.has_data = True
        self._steering.data_flowed()
        self._sink.flowing([member for member in group if member in self._heard])

    async def _breathe(self) -> None:
        await asyncio.sleep(0)
        began = time.monotonic()
        self.without_room = True
        await self._sink.room()
        self.without_room = False
        waited_s = time.monotonic() - began
        if waited_s > _LONG_WAIT_S:
            self._steering.excused(waited_s)
