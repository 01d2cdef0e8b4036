"""The interface of a kind of data: how it is streamed, written and kept complete."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, ClassVar, Generic, TypeAlias

from sqlalchemy import Connection

from candlehouse.core.live.channels import Channel
from candlehouse.core.model import Series
from candlehouse.core.ports import MarketData
from candlehouse.pipelines.live.writing.batches import Part, U
from candlehouse.pipelines.live.writing.buffer import Batcher, Buffer, Counters
from candlehouse.pipelines.live.writing.spool import SpoolFormat
from candlehouse.pipelines.live.writing.writers import KindWriter

# Runs until it is cancelled, and raises CandlehouseError when the exchange or the database fails.
RestWork: TypeAlias = Callable[[MarketData], Awaitable[None]]
# The channels of a kind that REST is to bring now: none while the stream works.
FindPolled: TypeAlias = Callable[[], Collection[Channel]]


class LiveKind(ABC, Generic[U]):
    """One kind of data in one session; for the session's event loop.

    What a kind does not need it leaves as it is here. `adopt`, `flowing` and `look` are only
    called while this session writes.

    Args:
        buffer: where its updates wait to be written.
        writer: how they are written.
        spool_format: how its durable updates are written to disk while there is no database;
            None exactly for a kind without durable updates.

    Attributes:
        name: the word for it on the command line and in its channels.
    """

    name: ClassVar[str]

    def __init__(
        self,
        buffer: Buffer[U],
        writer: KindWriter[U],
        spool_format: SpoolFormat[U] | None = None,
    ) -> None:
        self.buffer = buffer
        self.writer = writer
        self.spool_format = spool_format

    @abstractmethod
    def choose_channels(self, series: Sequence[Series]) -> set[Channel]:
        """Channels to stream for the wanted series; the best ranked symbols come first."""

    def adopt(self, channels: Collection[Channel]) -> None:
        """Called when this session begins to write these channels: keep them complete."""

    def forget(self, channels: Collection[Channel]) -> None:
        """Called when these channels are no longer streamed, or another session writes them."""

    def flowing(self, channels: Collection[Channel]) -> None:
        """Called when a new connection delivers these channels; earlier data may be missing."""

    def look(self, clock_ms: int) -> None:
        """Checks for overdue data; called about once per second with the exchange's time in ms."""

    def wrote(self, part: Part[U], counters: Counters) -> None:
        """Updates were committed: counts them, and has them confirmed where REST can do that.

        It must return at once, and is never left out: who only wants to hear of them is a
        consumer.
        """

    def keep_only(self, connection: Connection, channels: Collection[Channel]) -> None:
        """Deletes the latest updates of all other channels from the tables."""

    def list_rest_work(self, batcher: Batcher, find_polled: FindPolled) -> Sequence[RestWork]:
        """What is to run beside the stream with a REST client: healing, confirming, polling.

        Args:
            batcher: takes what is polled.
            find_polled: gives the channels of this kind to be polled.
        """
        return ()


AnyKind: TypeAlias = LiveKind[Any]
