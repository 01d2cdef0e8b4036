"""The exchange's limit on connection attempts, shared by every process of the warehouse."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from candlehouse.core.errors import PassingStorageFailure
from candlehouse.storage.database.connection_thread import ConnectionThread
from candlehouse.storage.database.queries import load_queries
from candlehouse.storage.limits.gate import close_gate

_log = logging.getLogger(__name__)
_SQL = load_queries(__file__)

# Key of an advisory lock; unique within the warehouse.
_LOCK_KEY = 7_265_004
# Shortest time between two queries while no attempt is free, in seconds.
_SHORTEST_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class OfflinePace:
    """The pace of attempts while the database is out of reach, in seconds.

    Attributes:
        pause_s: between two attempts of this process.
        retry_s: until the database is tried again.
    """

    pause_s: float = 60.0
    retry_s: float = 2.0


class PostgresConnectionBudget:
    """A ConnectionBudget stored in `market.connection_attempts`; for one event loop.

    In any window, all processes of the warehouse together attempt at most `share` of the
    exchange's limit. While the database is out of reach this process makes one attempt per minute;
    these attempts are recorded when the database is back. Callers are served first come, first
    served.

    Args:
        engine: of the warehouse.
        limit: attempts that the exchange allows per window.
        window_s: the exchange's window, in seconds.
        share: the usable fraction of the limit, in (0, 1].
        under_way_s: how long after its grant an attempt may reach the exchange; each attempt
            counts for the window plus this time.
        offline: the pace without the database.
        clock: monotonic seconds.
        sleep: of the event loop.

    Raises:
        ValueError: when the usable share is less than one attempt.
    """

    def __init__(
        self,
        engine: Engine,
        limit: int,
        window_s: float,
        share: float = 0.95,
        *,
        under_way_s: float = 10.0,
        offline: OfflinePace | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cap = int(share * limit)
        if self._cap < 1:
            raise ValueError(f"{share:g} of {limit} connection attempts is less than one")
        self._counted_s = window_s + under_way_s
        self._offline = offline or OfflinePace()
        self._clock = clock
        self._sleep = sleep
        self._last_at = float("-inf")
        self._missed: list[float] = []
        self._turn = asyncio.Lock()
        self._thread = ConnectionThread(engine, "connection-attempts")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._record_missed()
        except PassingStorageFailure as failure:
            _log.warning(
                "%d connection attempts could not be recorded: %s", len(self._missed), failure
            )
        await self._thread.close()

    async def attempt(self) -> None:
        """Waits until one more connection may be attempted, and counts it."""
        async with self._turn:
            while (wait_s := await self._try_attempt()) is not None:
                await self._sleep(max(wait_s, _SHORTEST_PAUSE_S))
            self._last_at = self._clock()

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        """Stops the requests of every process, because a ban applies to the whole IP address.

        Args:
            retry_after_s: seconds from now.
            reason: the exchange's message.
        """
        try:
            await self._thread.run(partial(close_gate, wait_s=retry_after_s, reason=reason))
        except PassingStorageFailure as error:
            _log.warning(
                "the closed gate could not be shared with other processes: %s (%s)", reason, error
            )

    async def _try_attempt(self) -> float | None:
        """Seconds after which to ask again; None when an attempt was granted and counted."""
        missed = list(self._missed)
        try:
            wait_s = await self._count(missed, self._cap)
        except PassingStorageFailure as error:
            return self._attempt_offline(error)
        # Not reached when cancelled: recorded attempts then count twice, which is safe.
        del self._missed[: len(missed)]
        return wait_s

    async def _record_missed(self) -> None:
        if self._missed:
            # A cap of 0 records attempts without granting one.
            await self._count(self._missed, 0)

    async def _count(self, missed: Sequence[float], cap: int) -> float | None:
        now = self._clock()
        parameters = {
            "lock_key": _LOCK_KEY,
            "window_s": self._counted_s,
            "cap": cap,
            "missed_ages_s": [now - at for at in missed],
        }

        def execute(connection: Connection) -> float | None:
            wait_s: float | None = connection.execute(_SQL("attempt"), parameters).scalar_one()
            return wait_s

        return await self._thread.run(execute)

    def _attempt_offline(self, error: PassingStorageFailure) -> float | None:
        now = self._clock()
        wait_s = self._last_at + self._offline.pause_s - now
        if wait_s > 0:
            return min(wait_s, self._offline.retry_s)
        _log.warning(
            "connection attempts cannot be shared, this process continues at its own pace: %s",
            error,
        )
        self._missed = [at for at in self._missed if at > now - self._counted_s]
        self._missed.append(now)
        return None
