"""What a task needs from outside: settings with the connection's key, the warehouse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from candlehouse.exchange.venue import VENUE
from candlehouse.settings import Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from candlehouse.core.ports import MarketData

CONNECTION = f"{VENUE.name}_default"


def load_task_settings() -> Settings:
    """Settings from the environment; the key of the connection, if there is one, wins.

    What is secret in them is masked in the task's log from now on.

    Raises:
        ConfigurationError: for the first bad variable.
    """
    settings = load_settings()
    try:
        connection = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        pass
    else:
        settings = replace(
            settings, api_key=connection.login or "", api_secret=connection.password or ""
        )
    for secret in (settings.api_key, settings.api_secret, settings.coingecko_api_key):
        if secret:
            mask_secret(secret)
    return settings


@asynccontextmanager
async def open_exchange(settings: Settings) -> AsyncIterator[tuple[Engine, MarketData]]:
    """The warehouse, and the REST client of its exchange.

    Raises:
        StorageError: as `open_warehouse` does.
        ExchangeUnavailable: when the exchange does not answer.
        WrongExchange: when another one answers.
    """
    from candlehouse.pipelines.venue.wiring import open_source

    with open_warehouse(settings) as engine:
        async with open_source(settings, engine) as source:
            yield engine, source


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[Engine]:
    """An engine for the warehouse, the embedded server's if the settings name no other.

    Raises:
        StorageError: when the embedded server is needed and cannot be started.
    """
    from candlehouse.storage.database.engine import connect
    from candlehouse.storage.database.warehouse_url import ensure_warehouse

    engine = connect(ensure_warehouse(settings), application_name="candlehouse-airflow")
    try:
        yield engine
    finally:
        engine.dispose()
