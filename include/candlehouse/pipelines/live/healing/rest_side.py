"""The REST side of a session: healing and polling of its kinds, and the exchange's clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.exc import DBAPIError

from candlehouse.core.errors import CandlehouseError
from candlehouse.core.ports import MarketData
from candlehouse.core.task_groups import run_together
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Seconds: between tries after a failure, at the least and at the most; between two
# comparisons of the clocks.
_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_CLOCKS_S = 300.0
# Requests per comparison of the clocks: the fastest answer is the most exact.
_READINGS = 5


class RestSide:
    """Runs everything that needs REST beside the stream, for one event loop.

    Args:
        warehouse: to read from and to write to.
        work: runs side by side with one REST client; each part until it is cancelled.
        on_offset: called with the milliseconds by which the exchange's clock is ahead.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        work: Sequence[Callable[[MarketData], Awaitable[None]]],
        on_offset: Callable[[int], None],
    ) -> None:
        self._settings = warehouse.settings
        self._warehouse = warehouse
        self._work = work
        self._on_offset = on_offset
        self._pause_s = _SHORTEST_PAUSE_S

    async def run(self) -> None:
        """Runs until cancelled; after failures of exchange or database it pauses and retries.

        A database that refuses something, and not only its connection, is one of them:
        the stream is written all the same.
        """
        while True:
            try:
                async with open_source(self._warehouse) as source:
                    await self._serve(source)
            except (CandlehouseError, DBAPIError) as error:
                _log.warning("requests to REST pause for %.0f s: %s", self._pause_s, error)
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    async def _serve(self, source: MarketData) -> None:
        parts = (*self._work, self._compare_clocks)
        await run_together(*(_run(part, source) for part in parts))

    async def _compare_clocks(self, source: MarketData) -> None:
        while True:
            readings = [await source.fetch_clock() for _ in range(_READINGS)]
            self._on_offset(round(min(readings).offset_ms))
            self._pause_s = _SHORTEST_PAUSE_S
            await asyncio.sleep(_CLOCKS_S)


async def _run(part: Callable[[MarketData], Awaitable[None]], source: MarketData) -> None:
    await part(source)
