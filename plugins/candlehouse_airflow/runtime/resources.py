"""Settings, warehouse and exchange for tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from candlehouse.exchange.venue import VENUE
from candlehouse.settings import Settings, load_settings

if TYPE_CHECKING:
    from candlehouse.core.ports import MarketData
    from candlehouse.storage.warehouse import Warehouse

# Shown as `application_name` in pg_stat_activity.
_APPLICATION = "candlehouse-airflow"
CONNECTION = f"{VENUE.name}_default"


def load_task_settings() -> Settings:
    """Settings from the environment; an API key in Airflow's connection takes precedence.

    The secrets in them are masked in the task's log from now on.

    Raises:
        ConfigurationError: naming each variable with a bad value.
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
async def open_exchange(settings: Settings) -> AsyncIterator[tuple[Warehouse, MarketData]]:
    """The warehouse, and the REST client of its exchange.

    Raises:
        StorageError: when the warehouse cannot be opened.
        ExchangeUnavailable: when the exchange does not answer.
        WrongExchange: when another exchange answers than the warehouse belongs to.
    """
    from candlehouse.pipelines.venue import wiring

    async with wiring.open_exchange(settings, _APPLICATION) as opened:
        yield opened


def open_warehouse(settings: Settings) -> AbstractContextManager[Warehouse]:
    """The warehouse, in the embedded server unless the settings name another one.

    Raises:
        StorageError: when the embedded server is needed and cannot be started.
    """
    from candlehouse.storage import warehouse

    return warehouse.open_warehouse(settings, _APPLICATION)
