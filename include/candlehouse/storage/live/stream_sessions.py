"""Sessions of stream tasks and their state; whether streaming is wanted, and of which series."""

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

# A session without a heartbeat for this long counts as lost, in seconds.
LOST_AFTER_S = 60.0
_KEPT_DAYS = 30


class Role(Enum):
    """Whether a stream task writes what it receives, or stands by."""

    WRITER = "writer"
    STANDBY = "standby"


class Mode(Enum):
    """The source of live data: the streams, REST in their place, or none for now."""

    STREAM = "stream"
    POLLING = "polling"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Counters:
    """What a session has done since it started; in messages unless stated otherwise.

    Attributes:
        errors: refused by validation.
        stale: older than the known state.
        coalesced: replaced by a later message before they were written.
        closed_written: in candles, like the next three.
        reconnects: number of reconnections.
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
    """The state of a session.

    Attributes:
        symbols: number of streamed symbols.
        last_message_at: wall time, None before the first message.
        lag_ms: number of messages per bucket of lag, keyed by its upper bound in milliseconds as
            text, `+Inf` for the last bucket.
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
    """A session of a stream task; times are on the clock of the database.

    Attributes:
        is_alive: whether it has not ended and has sent a heartbeat within `LOST_AFTER_S`.
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
    """Records a new session; closes lost sessions, and deletes those that ended 30 days ago.

    Args:
        connection: in the caller's transaction.
        worker: the process, as host:pid.
        state: only role, mode, symbols and timeframes are used.

    Returns:
        The session's id, for the functions below.
    """
    connection.execute(_SQL("close_lost"), {"lost_after_s": LOST_AFTER_S})
    connection.execute(_SQL("delete_old"), {"kept_days": _KEPT_DAYS})
    values = {**_values(state), "worker": worker}
    session_id: int = connection.execute(_SQL("insert_session"), values).scalar_one()
    return session_id


def update_session(connection: Connection, session_id: int, state: SessionState) -> None:
    """A heartbeat: replaces the session's state, with an asynchronous commit.

    A session that counted as lost is alive again; one that has ended is not changed.
    """
    connection.execute(_SQL("commit_without_waiting"))
    connection.execute(_SQL("update_session"), {**_values(state), "session_id": session_id})


def end_session(connection: Connection, session_id: int, reason: str) -> None:
    """Records the end of the session and its reason."""
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
    """Switches streaming on or off for every task; `by` is recorded for people."""
    connection.execute(_SQL("write_control"), {"running": running, "changed_by": by})


def set_realtime(connection: Connection, series: Collection[Series], realtime: bool) -> None:
    """Sets or clears `is_realtime` of series in `collector_state`."""
    # In the order in which closed candles of several timeframes lock their rows, so that
    # the two cannot deadlock.
    distinct = sorted(set(series), key=lambda one: (one.timeframe.value, one.symbol))
    parameters = {
        "symbols": [one.symbol for one in distinct],
        "timeframes": [one.timeframe.value for one in distinct],
        "realtime": realtime,
    }
    connection.execute(_SQL("set_realtime"), parameters)


def select_realtime(connection: Connection) -> frozenset[Series]:
    """The series with `is_realtime` in `collector_state`."""
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
