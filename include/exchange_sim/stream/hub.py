"""Who listens to what; every event goes out from here."""

import time
from collections.abc import Iterable
from itertools import count

from aiohttp import web

from exchange_sim.faults.faultbook import Message
from exchange_sim.faults.message_faults import wrong_close
from exchange_sim.state import Exchange
from exchange_sim.stream.connection import GOING_AWAY, Connection, StreamStats, Wire
from exchange_sim.stream.delivery import deliver
from exchange_sim.stream.events import Event, Form, KlineEvent, ShutdownEvent
from exchange_sim.stream.pump import Pump
from exchange_sim.stream.sources import Setting, make_source
from exchange_sim.websocket.names import parse_name
from exchange_sim.websocket.pulse import Pulse
from exchange_sim.websocket.windows import Attempts

MOST_STREAMS = 1024


class Hub:
    """The open connections of one stand-in and their subscriptions.

    Attributes:
        connections: by number, in the order of opening.
        attempts: to connect, granted and refused.
        pump: the task's work that makes events.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._options = exchange.stream_options
        self._numbers = count(1)
        self._listeners: dict[str, dict[int, Connection]] = {}
        self.connections: dict[int, Connection] = {}
        self.stats = StreamStats()
        self.attempts = Attempts(self._options.connect_limit)
        self.pump = Pump(exchange.clock, self.publish)

    @staticmethod
    def now() -> float:
        """Return real seconds, on which pings, limits and lives run."""
        return time.monotonic()

    def open(
        self, request: web.Request, socket: web.WebSocketResponse, form: Form
    ) -> Connection | None:
        """Return the connection of an accepted websocket, None if it is gone already."""
        if request.transport is None:
            return None
        wire = Wire(socket, request.transport, self._options.buffer_bytes)
        pulse = Pulse(self._options, self.now())
        number = next(self._numbers)
        connection = Connection(number, request, form, wire, pulse, self.stats)
        self.connections[number] = connection
        self.stats.opened += 1
        return connection

    def drop(self, connection: Connection) -> None:
        """Forget a connection that is over; without another reason its client left."""
        self.unsubscribe(connection, list(connection.names))
        connection.forget_timers()
        if self.connections.pop(connection.number, None) is not None:
            self.stats.closed[connection.reason or "client"] += 1
        connection.reason = connection.reason or "client"

    def subscribe(self, connection: Connection, names: Iterable[str]) -> bool:
        """Let a connection listen to streams, whether or not they exist.

        Returns:
            False, and nothing has changed, if those are more than a connection may have.
        """
        wanted = [name for name in names if name not in connection.names]
        if len(connection.names) + len(wanted) > MOST_STREAMS:
            return False
        for name in wanted:
            connection.names[name] = None
            listeners = self._listeners.setdefault(name, {})
            if not listeners:
                self._start(name)
            listeners[connection.number] = connection
        return True

    def unsubscribe(self, connection: Connection, names: Iterable[str]) -> None:
        """Let a connection listen no longer; names that it does not listen to are passed over."""
        for name in names:
            if name not in connection.names:
                continue
            del connection.names[name]
            connection.held.pop(name, None)
            listeners = self._listeners[name]
            del listeners[connection.number]
            if not listeners:
                del self._listeners[name]
                self.pump.remove(name)

    def publish(self, event: Event) -> None:
        """Send an event to everybody who listens to its stream."""
        sent = self._apply_event_fault(event)
        if sent is None:
            return
        for connection in list(self._listeners.get(sent.name.text, {}).values()):
            deliver(connection, sent, self._exchange.faults, self.shut_down)

    def shut_down(self, connection: Connection, seconds: float) -> None:
        """Announce the end to a connection and close it after some seconds."""
        event = ShutdownEvent(self._exchange.clock.now_ms())
        connection.send(event.frame(connection.form), event.kind)
        connection.later(seconds, connection.close, GOING_AWAY, "Server shutdown", "shutdown")

    def _start(self, name: str) -> None:
        exchange = self._exchange
        setting = Setting(
            exchange.market,
            exchange.clock.now_ms(),
            exchange.clock.speed == 0,
            self._options.kline_update_ms,
        )
        source = make_source(parse_name(name), setting)
        if source is not None:
            self.pump.add(source)

    def _apply_event_fault(self, event: Event) -> Event | None:
        """Return the event after fault injection: unchanged, wrong, or None to suppress it."""
        name, faults = event.name, self._exchange.faults
        if not isinstance(event, KlineEvent) or not faults.has_event_faults:
            return event
        fired = faults.pick_for_event(Message(None, name.symbol, name.interval, event.closed))
        if fired is None:
            return event
        if fired.fault.kind == "never_closed":
            return None
        return KlineEvent(name, event.sent_ms, wrong_close(event.candle), event.ids, True)
