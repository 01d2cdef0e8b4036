"""The one writer of live data: a connection, the lock on it, and what a flush does.

Everything here waits for the database and runs in a thread of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from candlehouse.core.errors import (
    DatabaseUnavailable,
    RowsRefused,
    StatementCancelled,
    TransactionConflict,
)
from candlehouse.core.live.updates import BadMessage, Update
from candlehouse.core.rules import REFUSED_BY_DATABASE
from candlehouse.pipelines.live.writing.batches import Batch, Part
from candlehouse.pipelines.live.writing.writers import Flushed, KindWriter, Stored
from candlehouse.storage.candles.quarantine import quarantine_messages
from candlehouse.storage.database.transactions import run_transaction
from candlehouse.storage.live.statements import execute_without_waiting
from candlehouse.storage.live.writer_lock import (
    is_standby_present,
    release_standby_lock,
    require_writable,
    try_standby_lock,
    try_writer_lock,
)

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class LiveWriter:
    """Holds the connection that writes; the lock goes with it, whatever ends it.

    Every method raises:
        DatabaseUnavailable: the connection is lost, or the server takes no writes; the lock
            is lost with it. The next call begins with a new connection, and without the lock.
        TransactionConflict, StatementCancelled: three times; the lock stays.

    Args:
        engine: of the warehouse.
        writers: how each kind is written, by kind; a batch has no other ones.
    """

    def __init__(self, engine: Engine, writers: Mapping[str, KindWriter[Any]]) -> None:
        self._engine = engine
        self._writers = writers
        self._locks = {writer.lock for writer in writers.values() if writer.lock is not None}
        self._connection: Connection | None = None
        self._writes = self._stands_by = False

    def try_lock(self) -> bool:
        """Tries to become the writer; without success, it is registered as standby.

        Returns:
            Whether this is the writer from now on.
        """
        return self._run(self._take_lock)

    def has_standby(self) -> bool:
        """Whether another session is registered as standby."""
        return self._run(lambda connection: is_standby_present(connection, self._locks))

    def flush(self, batch: Batch, now: datetime) -> Flushed:
        """Writes a batch: what is durable in one transaction, then the latest in another.

        Args:
            batch: to write.
            now: the exchange's time.

        Returns:
            What was committed. What the database refuses as a row is in neither of its
            lists: durable updates are in quarantine then, and the latest are left out.
        """
        if not self._writes:
            # The connection was lost between two flushes: another session may have the lock.
            self._drop()
            raise DatabaseUnavailable("the connection that held the writer's lock is lost")
        flushed = Flushed()
        if batch.bad:
            self._run(lambda connection: quarantine_messages(connection, batch.bad))
        durable = [part for part in batch.parts.values() if part.durable]
        if durable:
            self._write_durable(durable, now, flushed)
        latest = [part for part in batch.parts.values() if part.latest]
        if latest:
            self._write_latest(latest, flushed)
        return flushed

    def close(self) -> None:
        """Ends the connection, which releases its locks."""
        # Ending the connection is what releases its locks.
        self._drop()

    def _take_lock(self, connection: Connection) -> bool:
        # A standby gives locks as well, to everybody who comes to the wrong server.
        require_writable(connection)
        # A lock that a connection takes twice must be given back twice.
        if not self._writes and try_writer_lock(connection, self._locks):
            self._writes = True
            if self._stands_by:
                release_standby_lock(connection, self._locks)
                self._stands_by = False
        if not self._writes and not self._stands_by:
            self._stands_by = try_standby_lock(connection, self._locks)
        return self._writes

    def _write_durable(self, parts: Sequence[Part[Any]], now: datetime, flushed: Flushed) -> None:
        try:
            done = self._run(lambda connection: self._store(connection, parts, now))
        except RowsRefused as error:
            single = [Part(part.kind, [update]) for part in parts for update in part.durable]
            if len(single) == 1:
                self._quarantine(single[0].durable[0], error)
                return
            # One of them is not to be written: each by itself, so that it alone is left out.
            for part in single:
                self._write_durable([part], now, flushed)
            return
        for part, stored in zip(parts, done, strict=True):
            flushed.note_stored(part.kind, stored)

    def _store(
        self, connection: Connection, parts: Sequence[Part[Any]], now: datetime
    ) -> list[Stored[Any]]:
        done = []
        for part in parts:
            store = self._writers[part.kind].store
            assert store is not None, part.kind
            done.append(store(connection, part.durable, now))
        return done

    def _write_latest(self, parts: Sequence[Part[Any]], flushed: Flushed) -> None:
        try:
            self._run(lambda connection: self._show(connection, parts))
        except RowsRefused as error:
            if len(parts) == 1:
                # The next one is a moment away; what a candle comes to is written when it closes.
                [part] = parts
                _log.warning(
                    "%d latest updates of %s were not written: %s",
                    len(part.latest), part.kind, error,
                )  # fmt: skip
                return
            for part in parts:
                self._write_latest([part], flushed)
            return
        for part in parts:
            flushed.note_shown(part.kind, part.latest)

    def _show(self, connection: Connection, parts: Sequence[Part[Any]]) -> None:
        statements = []
        for part in parts:
            show = self._writers[part.kind].show
            assert show is not None, part.kind
            statements.append(show(part.latest))
        execute_without_waiting(connection, statements)

    def _quarantine(self, update: Update, error: RowsRefused) -> None:
        _log.warning("the database refuses an update of %s: %s: %s",
            update.channel, update.line, error)  # fmt: skip
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
            # Not returned to the pool: session locks must not outlive their holder.
            connection.invalidate()
            connection.close()
