"""Producers and consumers: workers fetch items, writers store them in batches.

The queues between them are bounded: when writing is slower, fetching waits (backpressure), and
memory use does not grow. When a worker fails, or the run is cancelled, items that were fetched
are still stored, because request weight and traffic were spent on them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Generic, TypeVar

from candlehouse.core.task_groups import run_together, task_group

_T = TypeVar("_T")
_Work = Coroutine[Any, Any, None]


class WriterQueues(Generic[_T]):
    """Bounded queues between workers and writers, one queue per writer.

    Args:
        writers: how many writers run side by side.
        held: most items that one queue holds.
        batch: whether an item joins a batch; called with the batch so far (never empty) and
            the next item of the queue.
        store: writes one batch.
    """

    def __init__(
        self,
        writers: int,
        held: int,
        batch: Callable[[Sequence[_T], _T], bool],
        store: Callable[[Sequence[_T]], _Work],
    ) -> None:
        self._queues = [asyncio.Queue[_T | None](held) for _ in range(writers)]
        self._batch = batch
        self._store = store

    async def put(self, item: _T, writer: int = 0) -> None:
        """Hands an item to the writer of this number, modulo how many there are.

        Waits while the queue of the writer is full.
        """
        await self._queues[writer % len(self._queues)].put(item)

    async def run(self, workers: Iterable[_Work]) -> None:
        """Runs the workers, and returns when all items that they put are stored.

        Raises:
            Exception: the error of the first worker or writer that failed; the others are
                cancelled.
        """
        ended: BaseException | None = None
        async with task_group() as group:
            writers = [group.create_task(self._write(queue)) for queue in self._queues]
            try:
                await run_together(*workers)
            except BaseException as error:
                # The workers were cancelled because a writer failed: its queue has no reader.
                if any(writer.done() for writer in writers):
                    raise
                ended = error
            for queue in self._queues:
                await queue.put(None)
        if ended is not None:
            raise ended

    async def _write(self, queue: asyncio.Queue[_T | None]) -> None:
        following = await queue.get()
        while following is not None:
            batch, waits = [following], True
            while not queue.empty():
                following = queue.get_nowait()
                if following is None or not self._batch(batch, following):
                    waits = False
                    break
                batch.append(following)
            await self._store(batch)
            if waits:
                following = await queue.get()
