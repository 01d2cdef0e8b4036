"""Fetching and storing side by side: what one lane's workers bring, its writers store.

A lane's queues are bounded, so that fetching waits for writing and memory stays flat. A
lane that is ended early stores what it has fetched: weight and bytes were spent on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Generic, TypeVar

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
            Exception: the first of any worker or writer; the others are ended.
        """
        fetching = [asyncio.create_task(worker) for worker in workers]
        writing = [asyncio.create_task(self._write(queue)) for queue in self._queues]
        try:
            await until_done(fetching, writing)
        finally:
            await _cancel(fetching)
            for queue, writer in zip(self._queues, writing, strict=True):
                await _put_last(queue, writer)
            await asyncio.gather(*writing)

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


async def until_done(
    tasks: Iterable[asyncio.Task[None]], others: Iterable[asyncio.Task[None]] = ()
) -> None:
    """Waits until all `tasks` are done, or the first of all fails.

    Raises:
        Exception: what that one failed with.
    """
    awaited = set(tasks)
    running = awaited | set(others)
    while running & awaited:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task


async def run_together(*works: _Work) -> None:
    """Runs all of them; when one fails the others are ended.

    Raises:
        Exception: the first.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await until_done(tasks)
    finally:
        await _cancel(tasks)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _put_last(queue: asyncio.Queue[_T | None], writer: asyncio.Task[None]) -> None:
    """Tells a writer that nothing follows, unless it has ended on its own."""
    putting = asyncio.create_task(queue.put(None))
    await asyncio.wait({putting, writer}, return_when=asyncio.FIRST_COMPLETED)
    putting.cancel()
