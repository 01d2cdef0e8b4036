"""A connection in its own thread, for statements that an event loop awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

_T = TypeVar("_T")


class ConnectionThread:
    """Runs work sequentially on one connection; each statement is its own transaction.

    The connection is opened on first use, and again after an error.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._thread = ThreadPoolExecutor(1, name)

    async def run(self, work: Callable[[Connection], _T]) -> _T:
        """The result of `work(connection)`; cancelling the call does not stop work that has begun.

        Raises:
            DatabaseUnavailable: when the database cannot be reached.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._attempt, work)

    async def close(self) -> None:
        """Returns the connection to the pool and ends the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _attempt(self, work: Callable[[Connection], _T]) -> _T:
        try:
            if self._connection is None:
                options = {"isolation_level": "AUTOCOMMIT"}
                self._connection = self._engine.connect().execution_options(**options)
            return work(self._connection)
        except Exception:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
