"""All kinds of one session: passes each call on to the kinds, with their own channels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from candlehouse.core.live.channels import Channel, select_kind
from candlehouse.core.model import Series
from candlehouse.pipelines.live.kinds.kind import AnyKind, RestWork
from candlehouse.pipelines.live.writing.batches import Part
from candlehouse.pipelines.live.writing.buffer import Batcher, Buffer, Counters
from candlehouse.pipelines.live.writing.spool import SpoolFormat
from candlehouse.pipelines.live.writing.writers import KindWriter


class KindSet:
    """The kinds that a session streams.

    Args:
        kinds: by name, in the order in which they are written.
    """

    def __init__(self, kinds: Mapping[str, AnyKind]) -> None:
        self._kinds = kinds

    @property
    def buffers(self) -> dict[str, Buffer[Any]]:
        """Where updates wait, by kind."""
        return {name: kind.buffer for name, kind in self._kinds.items()}

    @property
    def writers(self) -> dict[str, KindWriter[Any]]:
        """How updates are written, by kind."""
        return {name: kind.writer for name, kind in self._kinds.items()}

    @property
    def spool_formats(self) -> list[SpoolFormat[Any]]:
        """How updates of the durable kinds are written to disk."""
        forms = (kind.spool_format for kind in self._kinds.values())
        return [form for form in forms if form is not None]

    def choose_channels(self, series: Sequence[Series]) -> frozenset[Channel]:
        """What to stream where these series are wanted; the best symbols come first."""
        chosen = (kind.choose_channels(series) for kind in self._kinds.values())
        return frozenset[Channel]().union(*chosen)

    def adopt(self, channels: Collection[Channel]) -> None:
        """This session writes these from now on: they are to be complete."""
        for name, kind in self._kinds.items():
            kind.adopt(select_kind(channels, name))

    def forget(self, channels: Collection[Channel]) -> None:
        """Called when these channels are no longer streamed, or another session writes them."""
        for name, kind in self._kinds.items():
            kind.forget(select_kind(channels, name))

    def flowing(self, channels: Collection[Channel]) -> None:
        """These begin to flow on a new connection; what came before it may be missing."""
        for name, kind in self._kinds.items():
            kind.flowing(select_kind(channels, name))

    def look(self, clock_ms: int) -> None:
        """About once a second, with the exchange's clock in milliseconds: is anything overdue?"""
        for kind in self._kinds.values():
            kind.look(clock_ms)

    def wrote(self, part: Part[Any], counters: Counters) -> None:
        """Updates were committed."""
        self._kinds[part.kind].wrote(part, counters)

    def keep_only(self, connection: Connection, channels: Collection[Channel]) -> None:
        """Takes all other channels of these kinds out of the tables of latest updates.

        A session that needs no lock may be one of several: what others stream is theirs.
        """
        if all(kind.writer.lock is None for kind in self._kinds.values()):
            return
        for name, kind in self._kinds.items():
            kind.keep_only(connection, select_kind(channels, name))

    def list_rest_work(
        self, batcher: Batcher, find_polled: Callable[[], Collection[Channel]]
    ) -> list[RestWork]:
        """What is to run beside the stream with a REST client.

        Args:
            batcher: takes what is polled.
            find_polled: gives the channels of all kinds to be polled.
        """
        work: list[RestWork] = []
        for name, kind in self._kinds.items():
            work += kind.list_rest_work(batcher, _select(find_polled, name))
        return work


def _select(
    find: Callable[[], Collection[Channel]], kind: str
) -> Callable[[], Collection[Channel]]:
    return lambda: select_kind(find(), kind)
