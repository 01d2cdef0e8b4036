"""The way of one message to one connection, and the faults that lie in wait there."""

from collections.abc import Callable

from exchange_sim.faults.faultbook import FaultBook, Message, Struck
from exchange_sim.faults.message_faults import malformed_frame
from exchange_sim.stream.connection import POLICY, Connection
from exchange_sim.stream.events import Event

_LATE_S = 1.0
SHUTDOWN_S = 1.0
ShutDown = Callable[[Connection, float], None]


def deliver(connection: Connection, event: Event, faults: FaultBook, shut_down: ShutDown) -> None:
    """Send an event to a connection, unless a fault has other plans.

    Args:
        connection: who listens.
        event: what is said.
        faults: those in force.
        shut_down: announces the end and brings it about after some seconds.
    """
    name = event.name.text
    if not connection.is_open:
        return
    if connection.is_silent or connection.is_muted(name):
        connection.dropped += 1
        return
    frame = event.frame(connection.form)
    held = connection.held.pop(name, None)
    if held is not None:
        # The message that lets a held one go overtakes it and meets no fault itself.
        connection.send(frame, event.kind)
        connection.send(held, event.kind)
        return
    if faults.endangers_messages:
        about = Message(connection.path, event.name.symbol, event.name.interval, event.closed)
        struck = faults.pick_for_message(about)
        if struck is not None:
            _harm(connection, event, struck, shut_down)
            return
    connection.send(frame, event.kind)


def _harm(connection: Connection, event: Event, struck: Struck, shut_down: ShutDown) -> None:
    frame, kind = event.frame(connection.form), event.kind
    fault = struck.fault
    match fault.kind:
        case "duplicate":
            connection.send(frame, kind)
            connection.send(frame, kind)
        case "reorder":
            connection.held[event.name.text] = frame
        case "late":
            late = _LATE_S if fault.seconds is None else fault.seconds
            connection.later(late, connection.send, frame, kind)
        case "malformed":
            payload = event.payload(connection.form)
            connection.send(malformed_frame(payload, fault.variant, struck.rng), "malformed")
        case "shutdown":
            connection.send(frame, kind)
            shut_down(connection, SHUTDOWN_S if fault.seconds is None else fault.seconds)
        case _:
            connection.dropped += 1
            _take_away(connection, event.name.text, struck)


def _take_away(connection: Connection, name: str, struck: Struck) -> None:
    """Lose the message, and with some faults more than that."""
    fault = struck.fault
    match fault.kind:
        case "silence" if fault.symbol is None and fault.interval is None:
            connection.silence(fault.seconds)
        case "silence":
            connection.mute(name, fault.seconds)
        case "cut":
            connection.cut("cut")
        case "close_1008":
            connection.close(POLICY, "Too many requests", "close_1008")
