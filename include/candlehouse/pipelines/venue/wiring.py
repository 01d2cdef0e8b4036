"""Opens the exchange of a warehouse: REST client, published files, streams and market sizes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from candlehouse.core.live.updates import ConnectionBudget, StreamSink
from candlehouse.core.ports import CandleArchive, LiveStreams, MarketData, ProductList
from candlehouse.core.retries import Retries
from candlehouse.exchange.adapter import ADAPTER
from candlehouse.exchange.market_cap import CoinSource
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.venue.addresses import (
    by_settings,
    locate,
    locate_archive,
    locate_stream,
)
from candlehouse.pipelines.venue.exchange_choice import (
    recall_exchange,
    resolve_exchange,
    select_state,
)
from candlehouse.settings import Settings
from candlehouse.storage.limits.exchange_state import (
    Contact,
    ExchangeEndpoints,
    update_exchange_contact,
    update_weight_limit,
)
from candlehouse.storage.limits.weights import PostgresWeightBudget
from candlehouse.storage.warehouse import Warehouse, open_warehouse

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_exchange(
    settings: Settings, application_name: str = "candlehouse"
) -> AsyncIterator[tuple[Warehouse, MarketData]]:
    """The warehouse that the settings name, and the REST client of its exchange.

    Raises:
        StorageError: when the warehouse cannot be opened.
        ExchangeUnavailable: when the exchange does not answer.
        WrongExchange: when another exchange answers than the warehouse belongs to.
    """
    with open_warehouse(settings, application_name) as warehouse:
        async with open_source(warehouse) as source:
            yield warehouse, source


@asynccontextmanager
async def open_source(warehouse: Warehouse) -> AsyncIterator[MarketData]:
    """The REST client of the warehouse's exchange, within the shared weight budget.

    On opening, the exchange's clock is stored, and once a day its weight limit too.

    Raises:
        ExchangeUnavailable: when the exchange does not answer.
        WrongExchange: when another exchange answers than the warehouse belongs to.
    """
    stored = await warehouse.in_thread(select_state)
    if stored is None:
        endpoints = await warehouse.in_thread(resolve_exchange)
    else:
        endpoints = locate(warehouse.settings, stored.endpoints)
    async with (
        PostgresWeightBudget(
            warehouse.engine, VENUE.rest, warehouse.settings.weight_share
        ) as budget,
        ADAPTER.open_market_data(
            endpoints.rest_url, budget, _retries(warehouse.settings), endpoints.identity
        ) as source,
    ):
        contact = Contact(await source.fetch_time(), datetime.now(UTC))
        await warehouse.in_thread(_save_contact, endpoints, contact)
        if stored is None or stored.limits_are_stale:
            await _update_limits(warehouse, source)
        yield source


@asynccontextmanager
async def open_archive(warehouse: Warehouse) -> AsyncIterator[CandleArchive | None]:
    """The published files of the warehouse's exchange; opening makes no request.

    Gives None when the settings switch files off, no exchange is known yet, or it has none.
    """
    endpoints = opened = None
    if warehouse.settings.archives:
        endpoints = await warehouse.in_thread(recall_exchange)
    if endpoints is not None:
        url = locate_archive(warehouse.settings, endpoints)
        opened = ADAPTER.open_archive(url, _retries(warehouse.settings), endpoints.identity)
    if opened is None:
        yield None
        return
    async with opened as archive:
        yield archive


def make_streams(
    settings: Settings, endpoints: ExchangeEndpoints, budget: ConnectionBudget, sink: StreamSink
) -> LiveStreams:
    """The streams of the warehouse's exchange; nothing is connected before they run.

    Args:
        settings: of the warehouse.
        endpoints: of its exchange.
        budget: asked before every attempt to connect.
        sink: gets every update.

    Raises:
        ConfigurationError: when the stream URL is not a `ws://` or `wss://` URL.
    """
    url = locate_stream(settings, endpoints)
    return ADAPTER.make_streams(url, budget, sink, endpoints.identity)


@dataclass(frozen=True, slots=True)
class MarketCaps:
    """Sources of market capitalisations.

    Attributes:
        coins: CoinGecko, by coin.
        products: the exchange's own product list, by symbol.
    """

    coins: CoinSource
    products: ProductList


@asynccontextmanager
async def open_market_caps(warehouse: Warehouse) -> AsyncIterator[MarketCaps]:
    """The sources of market capitalisations that belong to the warehouse's exchange."""
    stored = await warehouse.in_thread(select_state)
    place = by_settings(warehouse.settings) if stored is None else stored.endpoints
    async with (
        CoinSource(place.coingecko_url, warehouse.settings.coingecko_api_key) as coins,
        ADAPTER.open_products(place.products_url) as products,
    ):
        yield MarketCaps(coins, products)


def _retries(settings: Settings) -> Retries:
    return Retries(settings.max_retries, settings.retry_delay_s)


async def _update_limits(warehouse: Warehouse, source: MarketData) -> None:
    info = await source.fetch_instruments()
    if info.weight_limit is None:
        _log.warning("the exchange does not state its weight limit: a cautious one is assumed")
        return
    await warehouse.write_in_thread(update_weight_limit, info.weight_limit)


def _save_contact(warehouse: Warehouse, endpoints: ExchangeEndpoints, contact: Contact) -> None:
    with warehouse.write() as connection:
        update_exchange_contact(connection, endpoints, contact, warehouse.settings.close_grace)
