"""The warehouse as one object: what a command, a task or a page opens and passes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from candlehouse.settings import Settings
from candlehouse.storage import embedded
from candlehouse.storage.database.engine import connect

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A database of candles, and the settings by which it is kept.

    Safe to share between threads: every `read` and `write` takes a connection of its own from
    the pool.

    Attributes:
        settings: of the process that opened the warehouse.
        engine: for what needs more than a connection, such as COPY in several sessions.
    """

    settings: Settings
    engine: Engine

    def read(self) -> AbstractContextManager[Connection]:
        """A connection for queries; what they change is rolled back at the end.

        Raises:
            DatabaseUnavailable: when the database is out of reach.
        """
        return self.engine.connect()

    def write(self) -> AbstractContextManager[Connection]:
        """A connection with one transaction: committed at the end, rolled back after an error.

        Raises:
            DatabaseUnavailable: when the database is out of reach.
        """
        return self.engine.begin()

    async def read_in_thread(
        self,
        query: Callable[Concatenate[Connection, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """What `query(connection, ...)` returns, while the event loop goes on."""

        def work() -> _T:
            with self.read() as connection:
                return query(connection, *args, **kwargs)

        return await asyncio.to_thread(work)

    async def write_in_thread(
        self,
        change: Callable[Concatenate[Connection, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """What `change(connection, ...)` returns, done in one transaction that is committed."""

        def work() -> _T:
            with self.write() as connection:
                return change(connection, *args, **kwargs)

        return await asyncio.to_thread(work)

    async def in_thread(
        self,
        work: Callable[Concatenate[Warehouse, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """What `work(warehouse, ...)` returns: for work of several transactions."""
        return await asyncio.to_thread(work, self, *args, **kwargs)


@contextmanager
def open_warehouse(
    settings: Settings, application_name: str = "candlehouse"
) -> Iterator[Warehouse]:
    """Opens the database that the settings name, with the rights of its owner.

    The embedded server is started where the settings name no database. Nothing is connected
    before it is needed; every connection is closed at the end.

    Args:
        settings: say where the database is.
        application_name: what `pg_stat_activity` shows.

    Raises:
        ConfigurationError: when CANDLEHOUSE_DATABASE_URL is not a URL of PostgreSQL.
        StorageError: when the embedded server is needed and cannot be started.
    """
    engine = connect(find_owner_url(settings), application_name)
    try:
        yield Warehouse(settings, engine)
    finally:
        engine.dispose()


def find_owner_url(settings: Settings) -> str:
    """The owner's URL of the warehouse; the embedded server is started if it is the one.

    Raises:
        StorageError: when the embedded server cannot be started.
    """
    if settings.database_url is not None:
        return settings.database_url
    return embedded.start(settings).url("owner")
