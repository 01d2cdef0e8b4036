"""The one writer of live candles: a connection, the lock on it, and what a flush does.

Everything here waits for the database and runs in a thread of its own.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, Engine

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.errors import (
    DatabaseUnavailable,
    RowsRefused,
    StatementCancelled,
    TransactionConflict,
)
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.live.updates import BadMessage
from candlehouse.core.model import Page, Source, Span
from candlehouse.core.rules import REFUSED_BY_DATABASE
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.pipelines.fetching.store import store_group
from candlehouse.pipelines.live.writing.buffer import Batch
from candlehouse.storage.candles.quarantine import quarantine_messages
from candlehouse.storage.database.transactions import run_transaction
from candlehouse.storage.live.closed_candles import insert_closed, try_lock_series
from candlehouse.storage.live.forming_candles import write_forming
from candlehouse.storage.live.writer_lock import (
    is_standby_present,
    release_standby_lock,
    require_writable,
    try_standby_lock,
    try_writer_lock,
)

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Flushed:
    """What a flush did.

    Attributes:
        closed: candles that are durable now.
        deferred: those whose series another process is writing at this moment.
        forming: how many candles were written as they stand.
    """

    closed: list[CandleUpdate] = field(default_factory=list)
    deferred: list[CandleUpdate] = field(default_factory=list)
    forming: int = 0


class LiveWriter:
    """Holds the connection that writes; the lock goes with it, whatever ends it.

    Every method raises:
        DatabaseUnavailable: the connection is lost, or the server takes no writes; the lock
            is lost with it. The next call begins with a new connection, and without the lock.
        TransactionConflict, StatementCancelled: three times; the lock stays.

    Args:
        engine: of the warehouse.
        grace: a candle that closed no longer ago may still be late.
    """

    def __init__(self, engine: Engine, grace: timedelta) -> None:
        self._engine = engine
        self._grace = grace
        self._connection: Connection | None = None
        self._writes = self._stands_by = False

    def try_lock(self) -> bool:
        """Whether this is the writer from now on; if not, it is seen to stand by."""
        return self._run(self._take_lock)

    def has_standby(self) -> bool:
        """Whether somebody is ready to write in place of this one."""
        return self._run(is_standby_present)

    def flush(self, batch: Batch, now: datetime) -> Flushed:
        """Writes a batch: first what closed, durably, then what is forming.

        Args:
            batch: to write.
            now: the exchange's time.
        """
        if not self._writes:
            # Lost between two flushes: whoever has the lock by now is the writer.
            self._drop()
            raise DatabaseUnavailable("the connection that held the writer's lock is lost")
        flushed = Flushed()
        if batch.bad:
            self._run(lambda connection: quarantine_messages(connection, batch.bad))
        if batch.closed:
            self._write_closed(batch.closed, now, flushed)
        if batch.forming or batch.prices:
            self._write_forming(batch, flushed)
        return flushed

    def close(self) -> None:
        """Gives the locks back and ends the connection."""
        # Ending the connection is what gives its locks back.
        self._drop()

    def _take_lock(self, connection: Connection) -> bool:
        # A standby gives locks as well, to everybody who comes to the wrong server.
        require_writable(connection)
        # A lock that a connection takes twice must be given back twice.
        if not self._writes and try_writer_lock(connection):
            self._writes = True
            if self._stands_by:
                release_standby_lock(connection)
                self._stands_by = False
        if not self._writes and not self._stands_by:
            self._stands_by = try_standby_lock(connection)
        return self._writes

    def _write_closed(
        self, updates: Sequence[CandleUpdate], now: datetime, flushed: Flushed
    ) -> None:
        try:
            closed, deferred = self._run(lambda connection: self._store(connection, updates, now))
        except RowsRefused as error:
            if len(updates) == 1:
                self._quarantine(updates[0], error)
                return
            # One of them is not to be written: each by itself, so that it alone is left out.
            for update in updates:
                self._write_closed([update], now, flushed)
            return
        flushed.closed += closed
        flushed.deferred += deferred

    def _store(
        self, connection: Connection, updates: Sequence[CandleUpdate], now: datetime
    ) -> tuple[list[CandleUpdate], list[CandleUpdate]]:
        """Those stored, and those put off: a flush never waits for another writer's batch."""
        ours = try_lock_series(connection, {update.series for update in updates})
        closed = [update for update in updates if update.series in ours]
        # In one order, for rows of several series are locked until the end.
        for timeframe, group in sorted(_by_timeframe(closed).items(), key=_name):
            left = insert_closed(connection, timeframe, group)
            while left:
                # The general way compares with what is stored; one candle at most once.
                first = {(update.series, update.open_ms): update for update in reversed(left)}
                pages = [_as_page(update) for update in first.values()]
                store_group(connection, pages, now, self._grace)
                left = [u for u in left if first[u.series, u.open_ms] is not u]
        return closed, [update for update in updates if update.series not in ours]

    def _write_forming(self, batch: Batch, flushed: Flushed) -> None:
        try:
            self._run(lambda connection: write_forming(connection, batch.forming, batch.prices))
        except RowsRefused as error:
            # The next update is a second away; what a candle comes to is written when it closes.
            _log.warning("%d forming candles were not written: %s", len(batch.forming), error)
            return
        flushed.forming = len(batch.forming)

    def _quarantine(self, update: CandleUpdate, error: RowsRefused) -> None:
        _log.warning("the database refuses %s: %s: %s", update.channel, update.line, error)
        bad = BadMessage(update.line, REFUSED_BY_DATABASE, update.channel)
        self._run(lambda connection: quarantine_messages(connection, [bad]))

    def _run(self, work: Callable[[Connection], _T]) -> _T:
        try:
            return run_transaction(self._begin, work, (TransactionConflict, StatementCancelled))
        except DatabaseUnavailable:
            self._drop()
            raise

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        if self._connection is None:
            self._connection = self._engine.connect()
        with self._connection.begin():
            yield self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._writes = self._stands_by = False
        if connection is not None:
            # Not back into the pool: locks of the session must not outlive their holder.
            connection.invalidate()
            connection.close()


def _by_timeframe(updates: Iterable[CandleUpdate]) -> dict[Timeframe, list[CandleUpdate]]:
    groups: dict[Timeframe, list[CandleUpdate]] = defaultdict(list)
    for update in updates:
        groups[update.timeframe].append(update)
    return groups


def _name(group: tuple[Timeframe, list[CandleUpdate]]) -> str:
    return group[0].value


def _as_page(update: CandleUpdate) -> Page:
    opens = from_ms(update.open_ms)
    span = Span(opens, opens + update.series.timeframe.length)
    return Page(update.series, span, Source.STREAM, CandleRows.of_lines([update.line]))
