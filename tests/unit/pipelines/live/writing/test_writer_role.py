"""Roles, the spool and the lag, with a writer that does as the test says."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from candlehouse.core.errors import DatabaseRefusal, DatabaseUnavailable, TransactionConflict
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.model import Series
from candlehouse.pipelines.live.consumers.consumer import Consumer
from candlehouse.pipelines.live.consumers.delivery import Deliveries
from candlehouse.pipelines.live.kinds.candle_spool import CANDLE_SPOOL
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.pipelines.live.writing.batches import Batch, Part
from candlehouse.pipelines.live.writing.safekeeping import Safekeeping
from candlehouse.pipelines.live.writing.spool import Spool, find_spools
from candlehouse.pipelines.live.writing.writer_role import Role, Writing
from candlehouse.pipelines.live.writing.writers import Flushed, Stored
from support.data.batches import closed_of, make_batcher
from support.data.updates import BTC, ETH, make_update


@dataclass
class FakeWriter:
    """A database and its lock in memory."""

    is_free: bool = True
    is_away: bool = False
    refusal: Exception | None = None
    locked: set[Series] = field(default_factory=set)
    stored: list[CandleUpdate] = field(default_factory=list)
    flushes: int = 0
    is_closed: bool = False

    def try_lock(self) -> bool:
        self._reach()
        return self.is_free

    def has_standby(self) -> bool:
        self._reach()
        return True

    def flush(self, batch: Batch, now: datetime) -> Flushed:
        self._reach()
        self.flushes += 1
        if self.refusal is not None:
            raise self.refusal
        flushed = Flushed()
        closed = [update for update in closed_of(batch) if update.series not in self.locked]
        deferred = [update for update in closed_of(batch) if update.series in self.locked]
        self.stored += closed
        flushed.note_stored("candles", Stored(closed, deferred))
        for kind, part in batch.parts.items():
            flushed.note_shown(kind, part.latest)
        return flushed

    def close(self) -> None:
        self.is_closed = True

    def _reach(self) -> None:
        if self.is_away:
            raise DatabaseUnavailable("away")


class Trial:
    """A Writing at work on a fake."""

    def __init__(self, folder: Path, *consumers: Consumer) -> None:
        self.writer = FakeWriter()
        self.folder = folder
        self.roles: list[Role] = []
        self.batcher = make_batcher()
        self.deliveries = Deliveries(consumers)
        self.writing = Writing(
            self.batcher, cast(LiveWriter, self.writer), Safekeeping(folder, [CANDLE_SPOOL]),
            0.001, self.roles.append, self.deliveries.offer,
        )  # fmt: skip

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110  # of anything at all
                await asyncio.sleep(0.01)

    def close_candle(self, slot: int, series: Series = BTC) -> CandleUpdate:
        update = make_update(series, slot, closed=True)
        self.batcher.take(update)
        return update

    def run(self, act: Callable[[Trial], Awaitable[None]]) -> None:
        async def go() -> None:
            task = asyncio.create_task(self.writing.run())
            try:
                await act(self)
            finally:
                self.writing.stop()
                await asyncio.wait_for(task, 30)
                await self.writing.close()
                await self.deliveries.close(30)

        asyncio.run(go())


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path / "spool")


def test_standby_writes_what_it_remembers_when_it_takes_over(trial: Trial) -> None:
    trial.writer.is_free = False

    async def act(trial: Trial) -> None:
        first = trial.close_candle(0)
        await asyncio.sleep(0.4)
        assert trial.writer.stored == []
        second = trial.close_candle(1)
        trial.writer.is_free = True
        await trial.until(lambda: trial.writer.stored == [first, second])

    trial.run(act)
    assert trial.roles == [Role.WRITER]
    assert trial.writer.is_closed


def test_cut_off_session_keeps_closes_on_disk_and_replays_them_when_it_writes(
    trial: Trial,
) -> None:
    async def act(trial: Trial) -> None:
        await trial.until(lambda: trial.writing.role is Role.WRITER)
        trial.writer.is_away = True
        first = trial.close_candle(0)
        await trial.until(lambda: trial.batcher.counters.spooled == 1)
        second = trial.close_candle(1)
        await trial.until(lambda: trial.batcher.counters.spooled == 2)
        trial.writer.is_away = False
        await trial.until(lambda: trial.writer.stored == [first, second])
        await trial.until(lambda: not find_spools(trial.folder))

    trial.run(act)
    assert trial.roles == [Role.WRITER, Role.CUT_OFF, Role.WRITER]
    assert trial.batcher.counters.replayed == 2


def test_stop_while_cut_off_leaves_the_closes_for_the_next_writer(trial: Trial) -> None:
    async def act(trial: Trial) -> None:
        await trial.until(lambda: trial.writing.role is Role.WRITER)
        trial.writer.is_away = True
        trial.close_candle(0)
        await trial.until(lambda: trial.writing.role is Role.CUT_OFF)
        trial.close_candle(1)

    trial.run(act)
    assert len(find_spools(trial.folder)) == 1

    async def replay(other: Trial) -> None:
        await other.until(lambda: len(other.writer.stored) == 2)

    Trial(trial.folder).run(replay)
    assert find_spools(trial.folder) == []


def test_candle_that_is_put_off_comes_again_until_it_is_written(trial: Trial) -> None:
    trial.writer.locked = {BTC}

    async def act(trial: Trial) -> None:
        btc, eth = trial.close_candle(0), trial.close_candle(0, ETH)
        await trial.until(lambda: trial.writer.stored == [eth])
        trial.writer.locked = set()
        await trial.until(lambda: trial.writer.stored == [eth, btc])

    trial.run(act)


def test_candle_that_is_put_off_at_the_end_goes_to_disk(trial: Trial) -> None:
    trial.writer.locked = {BTC}

    async def act(trial: Trial) -> None:
        await trial.until(lambda: trial.writing.role is Role.WRITER)
        trial.close_candle(0)

    trial.run(act)
    assert len(find_spools(trial.folder)) == 1
    assert trial.batcher.counters.spooled == 1


def test_replay_waits_for_a_locked_series_without_haste_and_can_be_stopped(trial: Trial) -> None:
    spool = Spool(trial.folder, CANDLE_SPOOL)
    spool.append([make_update(slot=slot, closed=True) for slot in range(3)])
    spool.close()
    trial.writer.locked = {BTC}

    async def act(trial: Trial) -> None:
        await trial.until(lambda: trial.writer.flushes > 0)
        before, began = trial.writer.flushes, time.monotonic()
        await asyncio.sleep(0.3)
        # Two a round, and no round within 20 ms of the one before.
        most = 2 * ((time.monotonic() - began) / 0.02 + 2)
        assert trial.writer.flushes - before <= most

    trial.run(act)
    [left] = find_spools(trial.folder)
    assert len(left.read_bytes().splitlines()) == 3


def test_lag_is_measured_only_when_the_clocks_were_compared(trial: Trial) -> None:
    async def act(trial: Trial) -> None:
        trial.close_candle(0)
        await trial.until(lambda: trial.writer.stored)
        assert trial.writing.lag.total == 0
        trial.batcher.clock_offset_ms = 0
        trial.close_candle(1)
        await trial.until(lambda: trial.writing.lag.total == 1)

    trial.run(act)


def test_nobody_is_known_to_stand_by_while_the_database_is_away(trial: Trial) -> None:
    async def act(trial: Trial) -> None:
        assert await trial.writing.has_standby()
        trial.writer.is_away = True
        assert not await trial.writing.has_standby()

    trial.run(act)


@pytest.mark.parametrize("error", [DatabaseRefusal("no permission"), RuntimeError("a mistake")])
def test_whatever_ends_a_session_leaves_what_closed_on_disk(trial: Trial, error: Exception) -> None:
    async def act(trial: Trial) -> None:
        await trial.until(lambda: trial.writing.role is Role.WRITER)
        trial.writer.refusal = error
        trial.close_candle(0)
        await trial.until(lambda: trial.batcher.counters.spooled == 1)
        trial.close_candle(1)

    with pytest.raises(type(error)):
        trial.run(act)
    asyncio.run(trial.writing.close())
    [left] = find_spools(trial.folder)
    assert len(left.read_bytes().splitlines()) == 2
    assert trial.writer.is_closed


def test_server_that_gives_the_lock_and_takes_no_rows_does_not_multiply_the_spool(
    trial: Trial,
) -> None:
    spool = Spool(trial.folder, CANDLE_SPOOL)
    spool.append([make_update(slot=slot, closed=True) for slot in range(3)])
    spool.close()
    trial.writer.refusal = TransactionConflict("again and again")

    async def act(trial: Trial) -> None:
        await trial.until(lambda: trial.writer.flushes == 3)

    trial.run(act)
    [left] = find_spools(trial.folder)
    assert len(left.read_bytes().splitlines()) == 3


class Listening:
    """A consumer that keeps the closed candles; it can be held up, or made to fail."""

    name = "listening"

    def __init__(self) -> None:
        self.heard: list[CandleUpdate] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.failure: Exception | None = None

    def committed(self, part: Part[Any]) -> None:
        self.may_go_on.wait(30)
        if self.failure is not None:
            raise self.failure
        self.heard += part.durable

    def close(self) -> None:
        pass


@pytest.fixture
def listening() -> Listening:
    return Listening()


@pytest.fixture
def heard(tmp_path: Path, listening: Listening) -> Trial:
    """A trial with that consumer."""
    return Trial(tmp_path / "spool", listening)


def test_consumer_that_blocks_or_fails_holds_up_no_writing(
    heard: Trial, listening: Listening
) -> None:
    listening.may_go_on.clear()

    async def act(trial: Trial) -> None:
        for slot in range(5):
            update = trial.close_candle(slot)
            await trial.until(lambda update=update: update in trial.writer.stored)
        listening.failure = RuntimeError("on trial")
        listening.may_go_on.set()
        update = trial.close_candle(5)
        await trial.until(lambda: update in trial.writer.stored)

    heard.run(act)
    assert heard.roles == [Role.WRITER]
    assert len(heard.writer.stored) == 6


def test_consumer_hears_of_what_was_committed_in_that_order_and_of_nothing_else(
    heard: Trial, listening: Listening
) -> None:
    heard.writer.locked = {BTC}

    async def act(trial: Trial) -> None:
        btc, eth = trial.close_candle(0), trial.close_candle(0, ETH)
        await trial.until(lambda: listening.heard == [eth])
        trial.writer.locked = set()
        await trial.until(lambda: listening.heard == [eth, btc])
        trial.writer.is_away = True
        spooled = trial.close_candle(1)
        await trial.until(lambda: trial.batcher.counters.spooled == 1)
        assert listening.heard == [eth, btc]
        trial.writer.is_away = False
        await trial.until(lambda: listening.heard == [eth, btc, spooled])

    heard.run(act)
    assert listening.heard == heard.writer.stored


def test_standby_tells_consumers_nothing_before_it_writes(
    heard: Trial, listening: Listening
) -> None:
    heard.writer.is_free = False

    async def act(trial: Trial) -> None:
        first = trial.close_candle(0)
        await asyncio.sleep(0.4)
        assert listening.heard == []
        trial.writer.is_free = True
        await trial.until(lambda: listening.heard == [first])

    heard.run(act)
