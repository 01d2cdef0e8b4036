"""What the workers put is stored, however the run ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from candlehouse.core.errors import DatabaseUnavailable, ExchangeUnavailable
from candlehouse.pipelines.fetching.writer_queues import WriterQueues


class Store:
    """Keeps the batches that are stored; fails from a number of them on."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.batches: list[list[int]] = []
        self._fails_at = fails_at

    async def __call__(self, batch: Sequence[int]) -> None:
        await asyncio.sleep(0)
        if len(self.batches) == self._fails_at:
            raise DatabaseUnavailable("gone")
        self.batches.append(list(batch))

    @property
    def items(self) -> list[int]:
        return sorted(item for batch in self.batches for item in batch)


def make_queues(store: Store, writers: int = 2, held: int = 2) -> WriterQueues[int]:
    return WriterQueues(writers, held, lambda batch, following: len(batch) < 3, store)


async def bring(queues: WriterQueues[int], *items: int, then: BaseException | None = None) -> None:
    for item in items:
        await queues.put(item, item)
    if then is not None:
        raise then


def run(queues: WriterQueues[int], *workers: Coroutine[Any, Any, None]) -> None:
    asyncio.run(queues.run(workers))


def test_all_that_is_brought_is_stored_in_batches() -> None:
    store = Store()
    queues = make_queues(store)
    run(queues, bring(queues, *range(0, 20, 2)), bring(queues, *range(1, 20, 2)))
    assert store.items == list(range(20))
    assert max(map(len, store.batches)) > 1
    assert all(len({item % 2 for item in batch}) == 1 for batch in store.batches)


def test_what_was_brought_before_a_worker_failed_is_stored() -> None:
    store = Store()
    queues = make_queues(store, held=20)
    failure = ExchangeUnavailable("down")
    with pytest.raises(ExchangeUnavailable) as raised:
        run(queues, bring(queues, *range(9), then=failure), asyncio.sleep(60))
    assert raised.value is failure
    assert store.items == list(range(9))


# With a queue of one item all workers wait for a writer when it fails.
@pytest.mark.parametrize("held", [1, 3, 100])
@pytest.mark.parametrize("fails_at", [0, 1, 5])
@pytest.mark.parametrize("writers", [1, 2])
def test_a_writer_that_fails_ends_all(held: int, fails_at: int, writers: int) -> None:
    store = Store(fails_at)
    queues = make_queues(store, writers, held)
    with pytest.raises(DatabaseUnavailable, match="gone"):
        run(queues, *(bring(queues, *range(start, 60, 4)) for start in range(4)))
    assert len(store.batches) == fails_at


@pytest.mark.parametrize("held", [1, 100])
def test_a_writer_that_fails_after_its_workers_counts(held: int) -> None:
    queues = make_queues(Store(0), 1, held)
    with pytest.raises(DatabaseUnavailable):
        run(queues, bring(queues, 1, 2, then=ExchangeUnavailable("down")))


@pytest.mark.parametrize("held", [1, 100])
def test_a_lane_that_is_cancelled_stores_what_was_brought(held: int) -> None:
    store = Store()
    brought: list[int] = []

    async def go_on(queues: WriterQueues[int]) -> None:
        for item in range(1000):
            await queues.put(item, item)
            brought.append(item)

    async def cancel() -> None:
        queues = make_queues(store, held=held)
        task = asyncio.create_task(queues.run([go_on(queues)]))
        for _ in range(9):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert brought
    assert store.items == brought
