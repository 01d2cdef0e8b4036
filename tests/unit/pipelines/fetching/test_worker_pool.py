"""What a lane's workers bring is stored, however the lane ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from candlehouse.core.errors import DatabaseUnavailable, ExchangeUnavailable
from candlehouse.pipelines.fetching.worker_pool import Lane


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


def make_lane(store: Store, writers: int = 2, held: int = 2) -> Lane[int]:
    return Lane(writers, held, lambda batch, following: len(batch) < 3, store)


async def bring(lane: Lane[int], *items: int, then: BaseException | None = None) -> None:
    for item in items:
        await lane.put(item, item)
    if then is not None:
        raise then


def run(lane: Lane[int], *workers: Coroutine[Any, Any, None]) -> None:
    asyncio.run(lane.run(workers))


def test_all_that_is_brought_is_stored_in_batches() -> None:
    store = Store()
    lane = make_lane(store)
    run(lane, bring(lane, *range(0, 20, 2)), bring(lane, *range(1, 20, 2)))
    assert store.items == list(range(20))
    assert max(map(len, store.batches)) > 1
    assert all(len({item % 2 for item in batch}) == 1 for batch in store.batches)


def test_what_was_brought_before_a_worker_failed_is_stored() -> None:
    store = Store()
    lane = make_lane(store, held=20)
    failure = ExchangeUnavailable("down")
    with pytest.raises(ExchangeUnavailable) as raised:
        run(lane, bring(lane, *range(9), then=failure), asyncio.sleep(60))
    assert raised.value is failure
    assert store.items == list(range(9))


# With a queue of one item all workers wait for a writer when it fails.
@pytest.mark.parametrize("held", [1, 3, 100])
@pytest.mark.parametrize("fails_at", [0, 1, 5])
@pytest.mark.parametrize("writers", [1, 2])
def test_a_writer_that_fails_ends_all(held: int, fails_at: int, writers: int) -> None:
    store = Store(fails_at)
    lane = make_lane(store, writers, held)
    with pytest.raises(DatabaseUnavailable, match="gone"):
        run(lane, *(bring(lane, *range(start, 60, 4)) for start in range(4)))
    assert len(store.batches) == fails_at


@pytest.mark.parametrize("held", [1, 100])
def test_a_writer_that_fails_after_its_workers_counts(held: int) -> None:
    lane = make_lane(Store(0), 1, held)
    with pytest.raises(DatabaseUnavailable):
        run(lane, bring(lane, 1, 2, then=ExchangeUnavailable("down")))


@pytest.mark.parametrize("held", [1, 100])
def test_a_lane_that_is_cancelled_stores_what_was_brought(held: int) -> None:
    store = Store()
    brought: list[int] = []

    async def go_on(lane: Lane[int]) -> None:
        for item in range(1000):
            await lane.put(item, item)
            brought.append(item)

    async def cancel() -> None:
        lane = make_lane(store, held=held)
        task = asyncio.create_task(lane.run([go_on(lane)]))
        for _ in range(9):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert brought
    assert store.items == brought
