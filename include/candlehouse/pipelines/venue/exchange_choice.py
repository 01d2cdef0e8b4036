"""Decides once which exchange a warehouse belongs to, and refuses every other one afterwards.

A stand-in's candle among those of the real exchange could not be told apart later. So the
choice is stored with the exchange's identity, and every answer's identity is compared with it.
"""

from __future__ import annotations

from dataclasses import replace

from candlehouse.core.errors import ConfigurationError, ExchangeUnavailable, WrongExchange
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.venue.addresses import (
    SIM,
    by_settings,
    is_named_by_hand,
    is_real,
    locate,
    of_stand_in,
    refuse_other_kind,
)
from candlehouse.pipelines.venue.probing import Probe, Probed, probe_exchange, with_shared_gate
from candlehouse.settings import URL_VARIABLES, Settings
from candlehouse.storage.limits.exchange_state import (
    ExchangeEndpoints,
    ExchangeState,
    insert_exchange_state,
    select_exchange_state,
    update_exchange_contact,
)
from candlehouse.storage.warehouse import Warehouse


def wants_stand_in(warehouse: Warehouse, probe: Probe = probe_exchange) -> bool:
    """Whether the caller has to start a stand-in for this warehouse. Nothing is stored.

    Args:
        warehouse: whose settings have EXCHANGE and the URLs.
        probe: finds out who answers at a URL.

    Raises:
        WrongExchange: when EXCHANGE names another exchange than the warehouse's.
        ExchangeUnavailable: when EXCHANGE names the real exchange and it does not answer.
        RateLimited: when the exchange refuses requests for now.
    """
    probe = with_shared_gate(warehouse, probe)
    stored = select_state(warehouse)
    if stored is not None:
        refuse_other_kind(warehouse.settings, stored.endpoints.identity)
    if is_named_by_hand(warehouse.settings):
        return False
    if stored is not None:
        return not is_real(stored.endpoints.identity)
    if warehouse.settings.exchange == SIM:
        return True
    try:
        probe(warehouse.settings.rest_url)
    except ExchangeUnavailable:
        if warehouse.settings.exchange == VENUE.name:
            raise
        return True
    return False


def resolve_exchange(
    warehouse: Warehouse,
    probe: Probe = probe_exchange,
    sim_url: str | None = None,
) -> ExchangeEndpoints:
    """The warehouse's exchange; the first call decides which one, and stores the choice.

    When the environment sets a REST URL, the exchange is whatever answers there. Otherwise
    EXCHANGE=auto means the real exchange if it answers, else the stand-in; once an exchange is
    stored, auto means the stored one.

    Args:
        warehouse: whose settings have EXCHANGE and the URLs.
        probe: finds out who answers at a URL.
        sim_url: base URL of a stand-in that the caller has started; None when none runs.

    Raises:
        ExchangeUnavailable: when the chosen exchange does not answer.
        WrongExchange: when another exchange answers, or EXCHANGE asks for another one.
        ConfigurationError: when EXCHANGE asks for a stand-in and none runs.
        RateLimited: when the exchange refuses requests for now.
    """
    probe = with_shared_gate(warehouse, probe)
    stored = select_state(warehouse)
    endpoints, probed = _find_exchange(warehouse.settings, stored, probe, sim_url)
    if stored is not None and probed.identity != stored.endpoints.identity:
        raise _wrong_exchange(endpoints.rest_url, probed.identity, stored.endpoints.identity)
    refuse_other_kind(warehouse.settings, probed.identity)
    found = replace(endpoints, identity=probed.identity)
    with warehouse.write() as connection:
        insert_exchange_state(
            connection,
            found,
            probed.contact,
            warehouse.settings.close_grace,
            VENUE.rest.assumed_limit,
        )
        decided = select_exchange_state(connection)
        # Another process may have decided meanwhile.
        if decided is not None and decided.endpoints.identity != found.identity:
            raise _wrong_exchange(found.rest_url, found.identity, decided.endpoints.identity)
        update_exchange_contact(connection, found, probed.contact, warehouse.settings.close_grace)
    return found


def recall_exchange(warehouse: Warehouse) -> ExchangeEndpoints | None:
    """The stored exchange of the warehouse, without a request; None before the first contact.

    Raises:
        WrongExchange: when EXCHANGE asks for another kind of exchange.
    """
    stored = select_state(warehouse)
    return None if stored is None else locate(warehouse.settings, stored.endpoints)


def select_state(warehouse: Warehouse) -> ExchangeState | None:
    """The stored state of the warehouse's exchange; None before the first contact."""
    with warehouse.read() as connection:
        return select_exchange_state(connection)


def _find_exchange(
    settings: Settings, stored: ExchangeState | None, probe: Probe, sim_url: str | None
) -> tuple[ExchangeEndpoints, Probed]:
    if stored is not None:
        endpoints = locate(settings, stored.endpoints, sim_url)
        return endpoints, probe(endpoints.rest_url)
    if is_named_by_hand(settings) or settings.exchange == VENUE.name:
        return by_settings(settings), probe(settings.rest_url)
    if settings.exchange == SIM:
        if sim_url is None:
            variable = URL_VARIABLES["rest_url"]
            raise ConfigurationError(f"EXCHANGE=sim needs a stand-in: {variable}, or make run")
        return of_stand_in(settings, sim_url), probe(sim_url)
    try:
        return by_settings(settings), probe(settings.rest_url)
    except ExchangeUnavailable:
        if sim_url is None:
            raise
        return of_stand_in(settings, sim_url), probe(sim_url)


def _wrong_exchange(rest_url: str, found: str, expected: str) -> WrongExchange:
    return WrongExchange(
        f"{hide_user_info(rest_url)} is {found}, but the warehouse belongs to {expected}"
    )
