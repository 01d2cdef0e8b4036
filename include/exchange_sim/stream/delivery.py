"""The way of one message to one connection, and the faults that lie in wait there."""

from collections.abc import Callable

from exchange_sim.faults.faultbook import FaultBook, FiredFault, Message
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
    if faults.has_message_faults:
        about = Message(connection.path, event.name.symbol, event.name.interval, event.closed)
        fired = faults.pick_for_message(about)
        if fired is not None:
            _apply_fault(connection, event, fired, shut_down)
            return
    connection.send(frame, event.kind)


def _apply_fault(
    connection: Connection, event: Event, fired: FiredFault, shut_down: ShutDown
) -> None:
    frame, kind = event.frame(connection.form), event.kind
    fault = fired.fault
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
            connection.send(malformed_frame(payload, fault.variant, fired.rng), "malformed")
        case "shutdown":
            connection.send(frame, kind)
            shut_down(connection, SHUTDOWN_S if fault.seconds is None else fault.seconds)
        case _:
            connection.dropped += 1
            _lose(connection, event.name.text, fired)


def _lose(connection: Connection, name: str, fired: FiredFault) -> None:
    """Drop the message; some faults also silence or close the connection."""
    fault = fired.fault
    match fault.kind:
        case "silence" if fault.symbol is None and fault.interval is None:
            connection.silence(fault.seconds)
        case "silence":
            connection.mute(name, fault.seconds)
        case "cut":
            connection.cut("cut")
        case "close_1008":
            connection.close(POLICY, "Too many requests", "close_1008")
