"""A session's row in `market.stream_sessions`: its state, and whether it may continue."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Collection
from os import getpid

from sqlalchemy import Connection

from candlehouse.core.errors import PassingStorageFailure, UniverseEmpty
from candlehouse.core.live.channels import Channel
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.live.kinds.kind_set import KindSet
from candlehouse.storage.live.stream_sessions import (
    Role,
    SessionState,
    end_session,
    read_control,
    select_realtime,
    set_realtime,
    start_session,
    update_session,
)
from candlehouse.storage.universe.catalog import select_snapshot
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


class SessionRecord:
    """One session's row in the database; every method blocks on the database.

    Args:
        warehouse: to read from and to write to.
        timeframes: that are streamed.
        symbols: that are streamed; empty for the members of the universe.
    """

    def __init__(
        self, warehouse: Warehouse, timeframes: tuple[Timeframe, ...], symbols: tuple[str, ...]
    ) -> None:
        # Whether streaming is switched on, as last read.
        self.may_run = True
        self._warehouse = warehouse
        self._timeframes = timeframes
        self._symbols = symbols
        self._session_id: int | None = None
        # Two of the session's tasks may be here at once, each in a thread.
        self._turn = threading.Lock()
        # What the database says is live; None when that is to be read first.
        self._realtime: frozenset[Series] | None = None

    def select_series(self) -> list[Series]:
        """What is to be streamed now; the symbols in their order of rank, or as they were named.

        Raises:
            UniverseEmpty: when no symbols were named and there is no universe.
        """
        symbols = self._symbols
        if not symbols:
            with self._warehouse.read() as connection:
                snapshot = select_snapshot(connection)
            if snapshot is None or not snapshot.members:
                raise UniverseEmpty("the universe is empty: refresh it first (universe refresh)")
            symbols = tuple(member.symbol for member in snapshot.members)
        return [Series(symbol, timeframe) for symbol in symbols for timeframe in self._timeframes]

    def keep(self, state: SessionState, realtime: frozenset[Series] | None) -> None:
        """Updates the row with the session's state; without a database, a later call does.

        Args:
            state: of the session.
            realtime: series that a stream brings now; None from a session that streams no
                candles, and has nothing to say of those that others stream.
        """
        try:
            with self._turn, self._warehouse.write() as connection:
                self._enter(connection, state)
                if state.role is Role.WRITER and realtime is not None:
                    self._tell_realtime(connection, realtime)
                else:
                    self._realtime = None
                self.may_run = read_control(connection)
        except PassingStorageFailure as error:
            _log.debug("the state of the session was not recorded: %s", error)
            self._realtime = None

    def keep_only(self, channels: Collection[Channel], kinds: KindSet) -> None:
        """Takes every other channel of these kinds out of the live tables, whoever left it there.

        Raises:
            PassingStorageFailure: it is to be called again.
        """
        with self._warehouse.write() as connection:
            kinds.keep_only(connection, channels)

    def end(self, reason: str, state: SessionState) -> None:
        """Records why the session ended, and its last state."""
        if self._session_id is None:
            return
        try:
            with self._turn, self._warehouse.write() as connection:
                self._enter(connection, state)
                end_session(connection, self._session_id, reason)
        except PassingStorageFailure as error:
            _log.warning("the end of the session was not recorded: %s", error)

    def _enter(self, connection: Connection, state: SessionState) -> None:
        if self._session_id is None:
            worker = f"{socket.gethostname()}:{getpid()}"
            self._session_id = start_session(connection, worker, state)
        update_session(connection, self._session_id, state)

    def _tell_realtime(self, connection: Connection, realtime: frozenset[Series]) -> None:
        # A writer that was killed has left marks of its own.
        recorded = select_realtime(connection) if self._realtime is None else self._realtime
        for series, is_realtime in ((realtime - recorded, True), (recorded - realtime, False)):
            if series:
                set_realtime(connection, series, is_realtime)
        self._realtime = realtime
