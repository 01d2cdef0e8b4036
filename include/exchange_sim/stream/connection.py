"""One client: what it listens to, and the wire to it."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from exchange_sim.faults.payload_faults import break_off
from exchange_sim.stream.events import Form
from exchange_sim.websocket.frames import PING, PONG, encode_frame
from exchange_sim.websocket.pulse import LIFE_OVER, Pulse
from exchange_sim.websocket.windows import MESSAGES_A_SECOND, RollingCount

POLICY, GOING_AWAY = 1008, 1001
_SECOND_S = 1.0
_LOOK_S = 0.1


@dataclass(slots=True)
class StreamStats:
    """What happened on all connections so far.

    Attributes:
        opened: connections that were accepted.
        closed: connections that ended, by reason.
        messages: what was sent, by kind.
        most_incoming: the most messages that any connection sent within one second.
    """

    opened: int = 0
    closed: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    most_incoming: int = 0


@dataclass(slots=True)
class Wire:
    """The two ends of aiohttp that a connection needs.

    Attributes:
        buffer_bytes: how much may wait to be read by the client.
    """

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    buffer_bytes: int


class Connection:
    """One open websocket.

    Attributes:
        number: of this connection, from 1.
        address, path: where the client is and what it asked for, without its query.
        form: how it wants its messages.
        names: the streams it listens to, in the order of subscribing.
        held: messages that wait for the next one of their stream.
        sent, sent_bytes: messages of any kind that went out.
        received: messages from the client, pings and pongs among them.
        dropped: messages that a fault or a silence kept from it.
        reason: why it ended, None while it is open.
    """

    def __init__(
        self, number: int, request: web.Request, form: Form, wire: Wire, pulse: Pulse,
        stats: StreamStats,
    ) -> None:  # fmt: skip
        self.number = number
        self.address = request.remote or ""
        self.path = request.path
        self.form = form
        self.names: dict[str, None] = {}
        self.held: dict[str, bytes] = {}
        self.sent = self.sent_bytes = self.received = self.dropped = 0
        self.reason: str | None = None
        self.pulse = pulse
        self.opened = time.monotonic()
        self._wire = wire
        self._stats = stats
        self._incoming = RollingCount(_SECOND_S)
        self._silent_until = -math.inf
        self._muted: dict[str, float] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._closing: asyncio.Task[bool] | None = None

    # --------------------------------------------------------------- sending

    @property
    def is_open(self) -> bool:
        """Whether anything may still be sent."""
        return self.reason is None

    @property
    def is_silent(self) -> bool:
        """Whether it neither sends nor answers for now."""
        return time.monotonic() < self._silent_until

    def send(self, frame: bytes, kind: str) -> None:
        """Send a frame unless the connection is silent or over; never waits.

        A client that reads too slowly is cut off: what it did not read would pile up here.
        """
        if self.reason is not None:
            return
        if self.is_silent:
            self.dropped += 1
            return
        transport = self._wire.transport
        if transport.is_closing():
            # The client has gone and its handler was not told yet; writing would raise.
            return
        transport.write(frame)
        self.sent += 1
        self.sent_bytes += len(frame)
        self._stats.messages[kind] += 1
        if transport.get_write_buffer_size() > self._wire.buffer_bytes:
            self.cut("slow_reader")

    def silence(self, seconds: float | None) -> None:
        """Send and answer nothing for some seconds, or for ever."""
        self._silent_until = _until(seconds)

    def mute(self, name: str, seconds: float | None) -> None:
        """Send nothing of one stream for some seconds, or for ever."""
        self._muted[name] = _until(seconds)

    def is_muted(self, name: str) -> bool:
        """Whether nothing of a stream is sent for now."""
        return bool(self._muted) and time.monotonic() < self._muted.get(name, -math.inf)

    async def outlast_silence(self) -> None:
        """Wait until the silence is over or the client has gone."""
        # A lost connection sets no event once its reader is through.
        while self.is_silent and not self._wire.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    # ---------------------------------------------------------------- ending

    def cut(self, reason: str) -> None:
        """Break the connection off without a word."""
        if self.reason is None:
            self.reason = reason
        break_off(self._wire.transport)

    def close(self, code: int, text: str, reason: str) -> None:
        """Close in order: what was sent before still arrives."""
        if self.reason is not None:
            return
        self.reason = reason
        closing = self._wire.socket.close(code=code, message=text.encode(), drain=False)
        self._closing = asyncio.get_running_loop().create_task(closing)

    def later(self, seconds: float, act: Callable[..., None], *arguments: object) -> None:
        """Call something after some seconds; forgotten when the connection ends before."""
        loop = asyncio.get_running_loop()
        self._timers = [timer for timer in self._timers if timer.when() > loop.time()]
        self._timers.append(loop.call_later(seconds, act, *arguments))

    def forget_timers(self) -> None:
        """Do nothing later any more."""
        for timer in self._timers:
            timer.cancel()

    async def closed(self) -> None:
        """Wait until an orderly end that was begun is over."""
        if self._closing is not None:
            await self._closing

    # ------------------------------------------------------------- receiving

    def count_incoming(self) -> bool:
        """Count a message from the client; one too many ends the connection.

        Returns:
            Whether it may be answered.
        """
        self.received += 1
        count = self._incoming.add(time.monotonic())
        self._stats.most_incoming = max(self._stats.most_incoming, count)
        if count > MESSAGES_A_SECOND:
            self.close(POLICY, "Too many requests", "too_many_requests")
            return False
        return not self.is_silent

    def answer_ping(self, payload: bytes) -> None:
        """Echo a client's ping."""
        self.send(encode_frame(payload, PONG), "pong")

    async def keep(self) -> None:
        """Ping, and end the connection when it goes unanswered or is too old; until cancelled."""
        while self.is_open:
            await asyncio.sleep(self._rest_s())
            now = time.monotonic()
            if self.is_silent:
                continue
            verdict = self.pulse.verdict(now)
            if verdict == LIFE_OVER:
                self.close(GOING_AWAY, "Connection lifetime exceeded", verdict)
            elif verdict is not None:
                self.cut(verdict)
            elif self.pulse.ping_due(now):
                payload = b"%d" % time.time_ns()
                self.pulse.pinged(payload, now)
                self.send(encode_frame(payload, PING), "ping")

    def _rest_s(self) -> float:
        now = time.monotonic()
        # A silence may be lifted sooner than it was to end, so look again now and then.
        return (
            min(_SECOND_S, self._silent_until - now) if self.is_silent else self.pulse.wait_s(now)
        )


def _until(seconds: float | None) -> float:
    return math.inf if seconds is None else time.monotonic() + seconds
