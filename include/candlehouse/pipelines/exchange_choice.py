"""Which exchange the warehouse belongs to: decided once, and no other is taken in its place.

A candle of a stand-in among Binance's would be a lie that nobody could find again. So
the choice is stored with the exchange's identity, which every answer is compared with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Engine

from candlehouse.core.errors import ConfigurationError, ExchangeUnavailable, WrongExchange
from candlehouse.core.ports import CandleArchive
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.binance.archive.source import ArchiveSource
from candlehouse.exchange.binance.http.products import ProductSource
from candlehouse.exchange.binance.http.rest import RestSource
from candlehouse.exchange.binance.http.transport import Retries
from candlehouse.exchange.market_cap import CoinSource
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.probing import Probe, Probed, heeding_gate, probe_exchange
from candlehouse.settings import Settings, load_settings
from candlehouse.storage.limits.exchange_state import (
    Contact,
    ExchangeEndpoints,
    ExchangeState,
    insert_exchange_state,
    select_exchange_state,
    update_exchange_contact,
    update_weight_limit,
)
from candlehouse.storage.limits.weights import PostgresWeightBudget

_log = logging.getLogger(__name__)

_SIM = "sim"


def wants_stand_in(settings: Settings, engine: Engine, probe: Probe = probe_exchange) -> bool:
    """Whether the caller has to start a stand-in for this warehouse. Nothing is stored.

    Raises:
        WrongExchange: when EXCHANGE names another exchange than the warehouse's.
        ExchangeUnavailable: when EXCHANGE=binance and Binance doesn't answer.
        RateLimited: when the exchange wants to be left alone.
    """
    probe = heeding_gate(engine, probe)
    stored = _select_state(engine)
    if stored is not None:
        _refuse_other_kind(settings, stored.endpoints.identity)
    if is_named_by_hand(settings):
        return False
    if stored is not None:
        return stored.endpoints.identity != VENUE.name
    if settings.exchange == _SIM:
        return True
    try:
        probe(settings.rest_url)
    except ExchangeUnavailable:
        if settings.exchange == VENUE.name:
            raise
        return True
    return False


def resolve_exchange(
    settings: Settings,
    engine: Engine,
    probe: Probe = probe_exchange,
    sim_url: str | None = None,
) -> ExchangeEndpoints:
    """The warehouse's exchange; the first call decides which, and stores it.

    A URL given by hand (BINANCE_REST_URL) counts as whatever answers there. Else
    EXCHANGE=auto means Binance if it answers and the stand-in if not; once that is
    stored, auto means the stored one.

    Args:
        settings: with the URLs, and the kind of exchange that is asked for.
        engine: of the warehouse.
        probe: says who answers at a URL.
        sim_url: of a stand-in that the caller has started, None when there is none.

    Raises:
        ExchangeUnavailable: when the exchange that it must be does not answer.
        WrongExchange: when another one answers, or is asked for.
        ConfigurationError: when a stand-in is asked for and there is none.
        RateLimited: when the exchange wants to be left alone.
    """
    probe = heeding_gate(engine, probe)
    stored = _select_state(engine)
    endpoints, probed = _find_exchange(settings, stored, probe, sim_url)
    if stored is not None and probed.identity != stored.endpoints.identity:
        raise _wrong_exchange(endpoints.rest_url, probed.identity, stored.endpoints.identity)
    _refuse_other_kind(settings, probed.identity)
    found = replace(endpoints, identity=probed.identity)
    with engine.begin() as connection:
        insert_exchange_state(
            connection, found, probed.contact, settings.close_grace, VENUE.rest.assumed_limit
        )
        decided = select_exchange_state(connection)
        # Somebody else may have decided meanwhile.
        if decided is not None and decided.endpoints.identity != found.identity:
            raise _wrong_exchange(found.rest_url, found.identity, decided.endpoints.identity)
        update_exchange_contact(connection, found, probed.contact, settings.close_grace)
    return found


def recall_exchange(settings: Settings, engine: Engine) -> ExchangeEndpoints | None:
    """The warehouse's exchange without asking it; None before the first contact.

    Raises:
        WrongExchange: when EXCHANGE names another kind.
    """
    stored = _select_state(engine)
    return None if stored is None else locate(settings, stored.endpoints)


@asynccontextmanager
async def open_source(settings: Settings, engine: Engine) -> AsyncIterator[RestSource]:
    """The REST client of the warehouse's exchange, within the shared weight budget.

    On opening, the exchange's clock is stored, and once a day its weight limit too.

    Raises:
        ExchangeUnavailable: when the exchange does not answer.
        WrongExchange: when another one answers.
    """
    stored = await asyncio.to_thread(_select_state, engine)
    if stored is None:
        endpoints = await asyncio.to_thread(resolve_exchange, settings, engine)
    else:
        endpoints = locate(settings, stored.endpoints)
    retries = Retries(settings.max_retries, settings.retry_delay_s)
    async with (
        PostgresWeightBudget(engine, VENUE.rest, settings.weight_share) as budget,
        RestSource(endpoints.rest_url, budget, retries, identity=endpoints.identity) as source,
    ):
        contact = Contact(await source.fetch_time(), datetime.now(UTC))
        await asyncio.to_thread(_save_contact, settings, engine, endpoints, contact)
        if stored is None or stored.limits_are_stale:
            await _learn_limits(engine, source)
        yield source


@asynccontextmanager
async def open_archive(settings: Settings, engine: Engine) -> AsyncIterator[CandleArchive | None]:
    """The published files of the warehouse's exchange; None where they are not to be used.

    Nothing is asked of it yet.
    """
    endpoints = None
    if settings.archives:
        endpoints = await asyncio.to_thread(recall_exchange, settings, engine)
    if endpoints is None:
        yield None
        return
    url = locate_archive(settings, endpoints)
    retries = Retries(settings.max_retries, settings.retry_delay_s)
    async with ArchiveSource(url, retries, identity=endpoints.identity) as archive:
        yield archive


@dataclass(frozen=True, slots=True)
class MarketCaps:
    """Who may be asked for market capitalisations.

    Attributes:
        coins: of coins, anywhere.
        products: of the exchange's own list.
    """

    coins: CoinSource
    products: ProductSource


@asynccontextmanager
async def open_market_caps(settings: Settings, engine: Engine) -> AsyncIterator[MarketCaps]:
    """The sources of market capitalisations that belong to the warehouse's exchange."""
    stored = await asyncio.to_thread(_select_state, engine)
    place = _by_hand(settings, "") if stored is None else stored.endpoints
    async with (
        CoinSource(place.coingecko_url, settings.coingecko_api_key) as coins,
        ProductSource(place.products_url) as products,
    ):
        yield MarketCaps(coins, products)


def locate(
    settings: Settings, stored: ExchangeEndpoints, sim_url: str | None = None
) -> ExchangeEndpoints:
    """Where the warehouse's exchange is now; a stand-in may have moved to another port.

    Raises:
        WrongExchange: when EXCHANGE names another kind.
    """
    _refuse_other_kind(settings, stored.identity)
    if is_named_by_hand(settings):
        return _by_hand(settings, stored.identity)
    if sim_url is not None and stored.identity != VENUE.name:
        return _stand_in(settings, stored.identity, sim_url)
    return stored


def locate_archive(settings: Settings, endpoints: ExchangeEndpoints) -> str:
    """Base URL of the published files of the warehouse's exchange.

    A stand-in has them where it answers, unless BINANCE_ARCHIVE_URL names another place.
    """
    if endpoints.identity == VENUE.name or settings.archive_url != load_settings({}).archive_url:
        return settings.archive_url
    return endpoints.rest_url


def locate_stream(settings: Settings, endpoints: ExchangeEndpoints) -> str:
    """Base URL of the streams of the warehouse's exchange.

    A stand-in streams where it answers, unless BINANCE_STREAM_URL names another place.
    """
    if endpoints.identity == VENUE.name or settings.stream_url != load_settings({}).stream_url:
        return settings.stream_url
    # http becomes ws and https becomes wss.
    return endpoints.rest_url.replace("http", "ws", 1)


def is_named_by_hand(settings: Settings) -> bool:
    """Whether BINANCE_REST_URL names something else than Binance's own address."""
    return settings.rest_url != load_settings({}).rest_url


def _find_exchange(
    settings: Settings, stored: ExchangeState | None, probe: Probe, sim_url: str | None
) -> tuple[ExchangeEndpoints, Probed]:
    if stored is not None:
        endpoints = locate(settings, stored.endpoints, sim_url)
        return endpoints, probe(endpoints.rest_url)
    if is_named_by_hand(settings) or settings.exchange == VENUE.name:
        endpoints = _by_hand(settings, "")
        return endpoints, probe(endpoints.rest_url)
    if settings.exchange == _SIM:
        if sim_url is None:
            raise ConfigurationError("EXCHANGE=sim needs a stand-in: BINANCE_REST_URL, or make run")
        return _stand_in(settings, "", sim_url), probe(sim_url)
    try:
        return _by_hand(settings, ""), probe(settings.rest_url)
    except ExchangeUnavailable:
        if sim_url is None:
            raise
        return _stand_in(settings, "", sim_url), probe(sim_url)


def _by_hand(settings: Settings, identity: str) -> ExchangeEndpoints:
    return ExchangeEndpoints(
        identity, settings.rest_url, settings.coingecko_url, settings.products_url
    )


def _stand_in(settings: Settings, identity: str, sim_url: str) -> ExchangeEndpoints:
    """The stand-in plays Binance and, below a path of its own, CoinGecko."""
    defaults = load_settings({})
    coingecko_url, products_url = settings.coingecko_url, settings.products_url
    if coingecko_url == defaults.coingecko_url:
        coingecko_url = f"{sim_url}/coingecko"
    if products_url == defaults.products_url:
        products_url = sim_url
    return ExchangeEndpoints(identity, sim_url, coingecko_url, products_url)


def _refuse_other_kind(settings: Settings, identity: str) -> None:
    kind = VENUE.name if identity == VENUE.name else _SIM
    if settings.exchange not in ("auto", kind):
        raise WrongExchange(
            f"EXCHANGE={settings.exchange}, but the exchange of this warehouse is {identity}; "
            "another one needs a warehouse of its own (CANDLEHOUSE_DATABASE_URL)"
        )


def _wrong_exchange(rest_url: str, found: str, expected: str) -> WrongExchange:
    return WrongExchange(
        f"{hide_user_info(rest_url)} is {found}, but the warehouse belongs to {expected}"
    )


async def _learn_limits(engine: Engine, source: RestSource) -> None:
    info = await source.fetch_instruments()
    if info.weight_limit is None:
        _log.warning("the exchange says no weight limit; going by a cautious one")
        return
    await asyncio.to_thread(_save_limit, engine, info.weight_limit)


def _select_state(engine: Engine) -> ExchangeState | None:
    with engine.connect() as connection:
        return select_exchange_state(connection)


def _save_contact(
    settings: Settings, engine: Engine, endpoints: ExchangeEndpoints, contact: Contact
) -> None:
    with engine.begin() as connection:
        update_exchange_contact(connection, endpoints, contact, settings.close_grace)


def _save_limit(engine: Engine, weight_limit: int) -> None:
    with engine.begin() as connection:
        update_weight_limit(connection, weight_limit)
