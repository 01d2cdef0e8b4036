"""Sessions of live collection inside the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.ranking import Member
from candlehouse.pipelines.live.session import run_live
from candlehouse.pipelines.live.session_options import Ending, LiveOptions
from candlehouse.settings import Settings, load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.universe.catalog import Snapshot, insert_snapshot
from candlehouse.storage.warehouse import Warehouse

# No look that a test waits for may take as long as in earnest.
OPTIONS = LiveOptions((Timeframe.M1,), record_s=0.1, universe_s=0.1)


class Sessions:
    """A warehouse and the sessions that run on it.

    Args:
        url: of the warehouse.
        exchange_url: of a stand-in.
        home: for spools.
        environ: further variables.
    """

    def __init__(
        self, url: str, exchange_url: str, home: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.environ = {
            "CANDLEHOUSE_HOME": str(home),
            "CANDLEHOUSE_DATABASE_URL": url,
            "BINANCE_REST_URL": exchange_url,
            "RETRY_DELAY": "0.1",
            **(environ or {}),
        }
        self.settings: Settings = load_settings(self.environ)
        self.engine: Engine = connect(url, "sessions")
        self._stops: dict[asyncio.Task[Ending], asyncio.Event] = {}

    def choose(self, as_of: datetime, *bases: str) -> None:
        """Stores a universe of the pairs of these base assets."""
        members = tuple(
            Member(rank, f"{base}USDT", base) for rank, base in enumerate(bases, start=1)
        )
        with self.engine.begin() as connection:
            insert_snapshot(connection, Snapshot(as_of, "settings", members))

    def start(self, options: LiveOptions = OPTIONS, **changes: Any) -> asyncio.Task[Ending]:
        """A session in this event loop."""
        stop = asyncio.Event()
        chosen = replace(options, **changes)
        session = run_live(Warehouse(self.settings, self.engine), chosen, stop.is_set)
        task = asyncio.create_task(session)
        self._stops[task] = stop
        return task

    async def end(self, task: asyncio.Task[Ending]) -> Ending:
        """Stops a session in order."""
        self._stops[task].set()
        return await asyncio.wait_for(task, 30)

    def read(self, query: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    async def until(self, query: str, expected: Sequence[tuple[Any, ...]]) -> None:
        """Waits until a query gives the expected result; a failed session fails the test."""
        found: list[tuple[Any, ...]] = []
        try:
            async with asyncio.timeout(40):
                while (found := await asyncio.to_thread(self.read, query)) != list(expected):
                    for task in self._stops:
                        if task.done() and not task.cancelled():
                            task.result()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{query}: {found} is not {expected}") from None

    def run(self, act: Callable[[], Awaitable[None]]) -> None:
        """Runs a test's sessions and ends those that it has left."""

        async def go() -> None:
            try:
                await act()
            finally:
                for stop in self._stops.values():
                    stop.set()
                await asyncio.wait_for(asyncio.gather(*self._stops), 60)

        try:
            asyncio.run(go())
        finally:
            self.engine.dispose()
