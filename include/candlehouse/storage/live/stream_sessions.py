"""Runs of stream tasks and how they go; whether streaming is wanted, and of which series."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum

from sqlalchemy import Connection

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)

# A session without a heartbeat for this long is taken for lost, in seconds.
LOST_AFTER_S = 60.0
_KEPT_DAYS = 30


class Role(Enum):
    """What a stream task does with what it receives."""

    WRITER = "writer"
    STANDBY = "standby"


class Mode(Enum):
    """Where it has it from: the streams, REST in their place, or nowhere for now."""

    STREAM = "stream"
    POLLING = "polling"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Counters:
    """What a session did since it started; in messages but for the last lines.

    Attributes:
        errors: refused by validation.
        stale: older than what was known.
        coalesced: replaced by a later one before they were written.
        closed_written: candles, as are the next three.
        reconnects: connections beyond the first.
    """

    received: int = 0
    validated: int = 0
    errors: int = 0
    stale: int = 0
    coalesced: int = 0
    closed_written: int = 0
    forming_written: int = 0
    spooled: int = 0
    replayed: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class SessionState:
    """How a session stands.

    Attributes:
        symbols: how many are streamed.
        last_message_at: on wall time, None before the first message.
        lag_ms: messages by the upper bound of their bucket of lag: milliseconds as text,
            `+Inf` for what has none.
    """

    role: Role
    mode: Mode
    symbols: int
    timeframes: Sequence[Timeframe]
    counters: Counters = field(default_factory=Counters)
    last_message_at: datetime | None = None
    lag_ms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """A run of a stream task; times are the database's.

    Attributes:
        is_alive: it has not ended, and its heart beat within `LOST_AFTER_S`.
        end_reason: None exactly while it has not ended.
    """

    session_id: int
    worker: str
    started_at: datetime
    heartbeat_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    is_alive: bool
    state: SessionState


def start_session(connection: Connection, worker: str, state: SessionState) -> int:
    """Records a new run; lost ones are closed and those ended 30 days ago are deleted.

    Args:
        connection: in the caller's transaction.
        worker: who it is, as host:pid.
        state: only role, mode, symbols and timeframes are looked at.

    Returns:
        The session's id, for the functions below.
    """
    connection.execute(_SQL("close_lost"), {"lost_after_s": LOST_AFTER_S})
    connection.execute(_SQL("delete_old"), {"kept_days": _KEPT_DAYS})
    values = {**_values(state), "worker": worker}
    session_id: int = connection.execute(_SQL("insert_session"), values).scalar_one()
    return session_id


def update_session(connection: Connection, session_id: int, state: SessionState) -> None:
    """A heartbeat: puts `state` in the place of the one before; the commit waits for no disk.

    A session that was taken for lost lives on; one that has ended stays as it is.
    """
    connection.execute(_SQL("commit_without_waiting"))
    connection.execute(_SQL("update_session"), {**_values(state), "session_id": session_id})


def end_session(connection: Connection, session_id: int, reason: str) -> None:
    """Records that the run is over and why."""
    connection.execute(_SQL("end_session"), {"session_id": session_id, "reason": reason})


def select_sessions(connection: Connection, count: int = 20) -> list[Session]:
    """The last `count` sessions, the newest first."""
    parameters = {"count": count, "lost_after_s": LOST_AFTER_S}
    sessions = []
    for row in connection.execute(_SQL("select_sessions"), parameters).mappings():
        values = dict(row)
        counters = Counters(**{name: values.pop(name) for name in Counters.__slots__})
        state = SessionState(
            Role(values.pop("role")),
            Mode(values.pop("mode")),
            values.pop("symbols"),
            tuple(Timeframe(one) for one in values.pop("timeframes")),
            counters,
            values.pop("last_message_at"),
            values.pop("lag_ms"),
        )
        sessions.append(Session(**values, state=state))
    return sessions


def read_control(connection: Connection) -> bool:
    """Whether streaming is wanted."""
    return bool(connection.execute(_SQL("read_control")).scalar_one())


def write_control(connection: Connection, running: bool, by: str) -> None:
    """Switches streaming on or off for every task; `by` is kept for people to see."""
    connection.execute(_SQL("write_control"), {"running": running, "changed_by": by})


def set_realtime(connection: Connection, series: Collection[Series], realtime: bool) -> None:
    """Marks series as live or no longer so in `collector_state`."""
    # In the order in which closed candles of several timeframes touch their rows, so that
    # the two never wait for each other in a circle.
    distinct = sorted(set(series), key=lambda one: (one.timeframe.value, one.symbol))
    parameters = {
        "symbols": [one.symbol for one in distinct],
        "timeframes": [one.timeframe.value for one in distinct],
        "realtime": realtime,
    }
    connection.execute(_SQL("set_realtime"), parameters)


def select_realtime(connection: Connection) -> frozenset[Series]:
    """The series that are marked as live."""
    rows = connection.execute(_SQL("select_realtime"))
    return frozenset(Series(row.symbol, Timeframe(row.timeframe)) for row in rows)


def _values(state: SessionState) -> dict[str, object]:
    return {
        **asdict(state.counters),
        "role": state.role.value,
        "mode": state.mode.value,
        "symbols": state.symbols,
        "timeframes": [timeframe.value for timeframe in state.timeframes],
        "last_message_at": state.last_message_at,
        "lag_ms": json.dumps(dict(state.lag_ms)),
    }
