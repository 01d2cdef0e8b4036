"""Fetching and storing side by side: what one lane's workers bring, its writers store.

A lane's queues are bounded, so that fetching waits for writing and memory stays flat. A
lane whose workers fail, or that is cancelled while they work, stores what it has fetched:
weight and bytes were spent on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Generic, TypeVar

from candlehouse.core.task_groups import run_together, task_group

_T = TypeVar("_T")
_Work = Coroutine[Any, Any, None]


class Lane(Generic[_T]):
    """Queues between workers and writers.

    Args:
        writers: how many write, each from a queue of its own.
        held: items that a queue holds at the most.
        batch: how many of the items at hand are one write: gets those it has and the next
            one, and says whether that still belongs to it.
        store: writes a batch.
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
        """Hands an item to a writer; waits while its queue is full."""
        await self._queues[writer % len(self._queues)].put(item)

    async def run(self, workers: Iterable[_Work]) -> None:
        """Until every worker is through and all that they put is stored.

        Raises:
            Exception: of the first worker or writer that failed; the others are ended.
        """
        ended: BaseException | None = None
        async with task_group() as group:
            writers = [group.create_task(self._write(queue)) for queue in self._queues]
            try:
                await run_together(*workers)
            except BaseException as error:
                # Cancelled, as a writer has failed: nobody would take what is put.
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
