"""The warehouse as one object, which commands, tasks and pages open and pass on."""

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
    """A database of candles, and the settings of the process.

    Safe to share between threads: every `read` and `write` uses its own connection from the pool.

    Attributes:
        settings: of the process that opened the warehouse.
        engine: for work that needs several connections, such as parallel COPY.
    """

    settings: Settings
    engine: Engine

    def read(self) -> AbstractContextManager[Connection]:
        """A connection for queries; changes are rolled back at the end.

        Raises:
            DatabaseUnavailable: when the database cannot be reached.
        """
        return self.engine.connect()

    def write(self) -> AbstractContextManager[Connection]:
        """A connection in one transaction: committed at the end, rolled back after an error.

        Raises:
            DatabaseUnavailable: when the database cannot be reached.
        """
        return self.engine.begin()

    async def read_in_thread(
        self,
        query: Callable[Concatenate[Connection, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """The result of `query(connection, ...)`, run in a thread beside the event loop."""

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
        """The result of `change(connection, ...)`, run in a thread in one committed transaction."""

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
        """The result of `work(warehouse, ...)`, run in a thread; for several transactions."""
        return await asyncio.to_thread(work, self, *args, **kwargs)


@contextmanager
def open_warehouse(
    settings: Settings, application_name: str = "candlehouse"
) -> Iterator[Warehouse]:
    """Opens the database that the settings name, with the rights of its owner.

    The embedded server is started where the settings name no database. Connections are opened on
    first use, and all are closed at the end.

    Args:
        settings: name the database.
        application_name: shown in `pg_stat_activity`.

    Raises:
        ConfigurationError: when CANDLEHOUSE_DATABASE_URL is not a PostgreSQL URL.
        StorageError: when the embedded server is needed and cannot be started.
    """
    engine = connect(find_owner_url(settings), application_name)
    try:
        yield Warehouse(settings, engine)
    finally:
        engine.dispose()


def find_owner_url(settings: Settings) -> str:
    """The owner's URL of the warehouse; starts the embedded server if no other is configured.

    Raises:
        StorageError: when the embedded server cannot be started.
    """
    if settings.database_url is not None:
        return settings.database_url
    return embedded.start(settings).url("owner")
