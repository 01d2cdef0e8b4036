"""The role of a session: writer with the lock, standby without it, or cut off from the database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError

from candlehouse.core.errors import PassingStorageFailure, StorageError
from candlehouse.core.live.lag_histogram import LagHistogram
from candlehouse.core.timeframe import from_ms
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.pipelines.live.writing.batches import Batch, Part, make_durable
from candlehouse.pipelines.live.writing.buffer import Batcher
from candlehouse.pipelines.live.writing.safekeeping import Safekeeping

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log = logging.getLogger(__name__)

# Seconds between two tries for the lock.
LOCK_POLL_S = 0.25
# Longest time in seconds between two tries of a database that keeps failing, and the time
# between two searches for spools of other processes.
_LONGEST_PAUSE_S = 5.0
_SPOOL_POLL_S = 2.0
# Seconds after which updates are tried again whose rows another process was writing.
_DEFERRED_S = 0.02


class Role(Enum):
    """What a session is to the database."""

    WRITER = "writer"
    STANDBY = "standby"
    CUT_OFF = "cut_off"


class Writing:
    """Writes batches to the database while this session holds the lock.

    Args:
        batcher: to take batches from.
        writer: with the connection and the lock.
        kept: keeps durable updates while this process does not write.
        flush_s: seconds, the longest that something waits for more to come along.
        on_role: called when the role has changed.
        on_written: called in the event loop with each part that was committed, in the order
            of the commits. It must return at once, and an error of it ends the session.

    Attributes:
        role: what this session is to the database now.
        lag: from the exchange's clock in a message to the commit that covers it.
    """

    def __init__(
        self,
        batcher: Batcher,
        writer: LiveWriter,
        kept: Safekeeping,
        flush_s: float,
        on_role: Callable[[Role], None],
        on_written: Callable[[Part[Any]], None],
    ) -> None:
        self.role = Role.STANDBY
        self.lag = LagHistogram()
        self._batcher = batcher
        self._writer = writer
        self._kept = kept
        self._flush_s = flush_s
        self._on_role = on_role
        self._on_written = on_written
        self._thread = ThreadPoolExecutor(1, "live-writer")
        self._look_for_spools_at = 0.0
        # Duration of a flush, as a moving average in seconds.
        self._usual_s = 0.0
        # Failed flushes since the last one that succeeded.
        self._failed_flushes = 0
        self._stopping = False

    def stop(self) -> None:
        """Makes `run` return after its present step."""
        self._stopping = True

    async def run(self) -> None:
        """Runs until stopped; call `close` afterwards, also after an error.

        Raises:
            StorageError: what does not pass; what is durable is on disk.
        """
        while not self._stopping:
            try:
                if self.role is Role.WRITER:
                    await self._write()
                else:
                    await self._try_lock()
            except PassingStorageFailure as error:
                self._cut_off(error)
                await self._keep_on_disk(self._batcher.take_batch())
                await asyncio.sleep(self._pause_s())

    async def has_standby(self) -> bool:
        """Whether another session stands by to take over."""
        with suppress(PassingStorageFailure):
            return await self._in_thread(self._writer.has_standby)
        return False

    async def close(self) -> None:
        """Writes what is left, and releases the lock for a standby."""
        try:
            if self.role is Role.WRITER:
                deferred = await self._flush(self._batcher.take_batch())
                await self._keep_on_disk(make_durable(deferred))
        except (StorageError, DBAPIError) as error:
            self._cut_off(error)
        if self.role is Role.CUT_OFF:
            await self._keep_on_disk(self._batcher.take_batch())
        self._kept.close()
        await self._in_thread(self._writer.close)
        self._thread.shutdown()

    async def _write(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._batcher.wait(), LOCK_POLL_S)
            # The oldest update is to be committed by then: the flush itself takes time too.
            await asyncio.sleep(max(self._flush_s - self._usual_s, self._flush_s / 4))
        batch = self._batcher.take_batch()
        if not batch.is_empty:
            deferred = await self._flush(batch)
            if deferred:
                self._batcher.put_back(deferred)
                await asyncio.sleep(_DEFERRED_S)
        if time.monotonic() >= self._look_for_spools_at:
            self._look_for_spools_at = time.monotonic() + _SPOOL_POLL_S
            await self._replay()

    async def _flush(self, batch: Batch, *, on_disk: bool = False) -> dict[str, list[Any]]:
        """Writes a batch; what is durable goes to disk if that fails, unless it is there.

        Returns:
            What was put off, by kind.
        """
        began = time.monotonic()
        try:
            flushed = await self._in_thread(self._writer.flush, batch, self._now(batch))
        except Exception as error:
            # Whatever the error was, durable updates must not be lost.
            self._failed_flushes += 1
            self._cut_off(error)
            await self._keep_on_disk(Batch() if on_disk else batch)
            raise
        self._failed_flushes = 0
        self._usual_s += (time.monotonic() - began - self._usual_s) / 16
        if (now_ms := self._batcher.exchange_now_ms()) is not None:
            self.lag.add(batch.events_ms, now_ms)
        for part in flushed.written.values():
            self._on_written(part)
        return flushed.deferred

    async def _try_lock(self) -> None:
        batch = self._batcher.take_batch()
        if self.role is Role.CUT_OFF:
            await self._keep_on_disk(batch)
        else:
            # A standby only remembers them: the writer receives the same updates.
            self._kept.remember(batch)
        if await self._in_thread(self._writer.try_lock):
            self._batcher.put_back(self._kept.recall())
            self._look_for_spools_at = 0.0
            self._kept.close()
            self._become(Role.WRITER)
        else:
            self._kept.close()
            self._become(Role.STANDBY)
            await asyncio.sleep(LOCK_POLL_S)

    async def _replay(self) -> None:
        """Writes the spools that processes of this machine kept without a database."""
        for path in await asyncio.to_thread(self._kept.find_spools):
            # The file stays if writing fails in between.
            with closing(self._kept.replay(path)) as batches:
                for batch in batches:
                    await self._write_all(batch)
                    replayed = sum(len(part.durable) for part in batch.parts.values())
                    self._batcher.counters.replayed += replayed

    async def _write_all(self, batch: Batch) -> None:
        """Writes all of a batch, with flushes of live data in between."""
        while not batch.is_empty and not self._stopping:
            batch = make_durable(await self._flush(batch, on_disk=True))
            deferred = await self._flush(self._batcher.take_batch())
            self._batcher.put_back(deferred)
            if deferred or not batch.is_empty:
                await asyncio.sleep(_DEFERRED_S)
        if not batch.is_empty:
            # Another process holds these rows for too long: the next session replays them
            # from another spool.
            await self._keep_on_disk(batch)

    async def _keep_on_disk(self, batch: Batch) -> None:
        counters = self._batcher.counters
        counters.dropped += sum(len(part.latest) for part in batch.parts.values())
        counters.spooled += await asyncio.to_thread(self._kept.keep, batch)

    def _cut_off(self, error: Exception) -> None:
        if self.role is not Role.CUT_OFF:
            _log.warning("writing to the database stops: %s", error)
        self._become(Role.CUT_OFF)

    def _pause_s(self) -> float:
        """Seconds until the next try; grows, because a server may refuse writes for hours."""
        doublings = min(max(self._failed_flushes - 1, 0), 16)
        return min(LOCK_POLL_S * 2.0**doublings, _LONGEST_PAUSE_S)

    def _become(self, role: Role) -> None:
        if role is not self.role:
            _log.info("the session's role is %s now, it was %s", role.value, self.role.value)
            self.role = role
            self._on_role(role)

    def _now(self, batch: Batch) -> datetime:
        durable = [update for part in batch.parts.values() for update in part.durable]
        newest = max((update.event_ms for update in durable), default=0)
        return from_ms(max(self._batcher.clock_ms, newest))

    async def _in_thread(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        call = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
