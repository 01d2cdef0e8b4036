"""The interface between a kind of data and the writer of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic

from sqlalchemy import Connection

from candlehouse.pipelines.live.writing.batches import Part, U
from candlehouse.storage.live.statements import Statement
from candlehouse.storage.live.writer_lock import WriterLock


@dataclass(frozen=True, slots=True)
class Stored(Generic[U]):
    """Result of storing durable updates.

    Attributes:
        stored: those that are written, or were known already, in their order.
        deferred: those to come again, because another process is writing their rows now.
    """

    stored: list[U]
    deferred: list[U] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KindWriter(Generic[U]):
    """Writes the updates of one kind.

    Attributes:
        store: writes durable updates in the caller's transaction; `now` is the exchange's
            time. It may be run again from its beginning. None for a kind that has none.
        show: gives the statement that writes the latest updates, which must not mind being
            late or repeated; None when there is nothing to write. It runs in one round trip
            with the other kinds', and its commit does not wait for the disk. None for a
            kind that has none.
        lock: that a session must hold to write; None for a kind that any number of sessions
            may write at once. Kinds with one lock are always written by one session.
    """

    store: Callable[[Connection, Sequence[U], datetime], Stored[U]] | None = None
    show: Callable[[Sequence[U]], Statement | None] | None = None
    lock: WriterLock | None = None


@dataclass(slots=True)
class Flushed:
    """Result of a flush.

    Attributes:
        written: what is committed, by kind.
        deferred: durable updates to come again, by kind.
    """

    written: dict[str, Part[Any]] = field(default_factory=dict)
    deferred: dict[str, list[Any]] = field(default_factory=dict)

    def note_stored(self, kind: str, stored: Stored[Any]) -> None:
        """Records durable updates that were committed or put off."""
        if stored.stored:
            self._part(kind).durable.extend(stored.stored)
        if stored.deferred:
            self.deferred.setdefault(kind, []).extend(stored.deferred)

    def note_shown(self, kind: str, latest: Sequence[Any]) -> None:
        """Records latest updates that were committed."""
        if latest:
            self._part(kind).latest.extend(latest)

    def _part(self, kind: str) -> Part[Any]:
        return self.written.setdefault(kind, Part(kind))
