"""URLs of the warehouse's exchange, its files and its streams, by the settings.

Nothing here connects to any of them.
"""

from __future__ import annotations

from dataclasses import replace

from candlehouse.core.errors import WrongExchange
from candlehouse.exchange.venue import VENUE
from candlehouse.settings import Settings
from candlehouse.storage.limits.exchange_state import ExchangeEndpoints

# The value of EXCHANGE for a stand-in.
SIM = "sim"


def is_real(identity: str) -> bool:
    """Whether an identity is the exchange's own, not a stand-in's such as `sim:synthetic-1`."""
    return identity == VENUE.name


def is_named_by_hand(settings: Settings) -> bool:
    """Whether the environment sets the exchange's REST URL."""
    return settings.is_given("rest_url")


def refuse_other_kind(settings: Settings, identity: str) -> None:
    """Refuses an exchange of another kind than EXCHANGE asks for.

    Raises:
        WrongExchange: naming both.
    """
    kind = VENUE.name if is_real(identity) else SIM
    if settings.exchange not in ("auto", kind):
        raise WrongExchange(
            f"EXCHANGE={settings.exchange}, but the exchange of this warehouse is {identity}; "
            "another one needs a warehouse of its own (CANDLEHOUSE_DATABASE_URL)"
        )


def by_settings(settings: Settings, identity: str = "") -> ExchangeEndpoints:
    """Endpoints at the URLs of the settings, with the given identity."""
    return ExchangeEndpoints(
        identity, settings.rest_url, settings.coingecko_url, settings.products_url
    )


def of_stand_in(settings: Settings, sim_url: str, identity: str = "") -> ExchangeEndpoints:
    """Endpoints of a stand-in: it also serves the product list and, below a path, CoinGecko.

    Args:
        settings: URLs that they set explicitly win.
        sim_url: base URL of the stand-in.
        identity: of the stand-in; empty while it is not known.
    """
    place = replace(by_settings(settings, identity), rest_url=sim_url)
    if not settings.is_given("coingecko_url"):
        place = replace(place, coingecko_url=f"{sim_url}/coingecko")
    if not settings.is_given("products_url"):
        place = replace(place, products_url=sim_url)
    return place


def locate(
    settings: Settings, stored: ExchangeEndpoints, sim_url: str | None = None
) -> ExchangeEndpoints:
    """Present endpoints of the warehouse's exchange; a stand-in may have another port now.

    Args:
        settings: a REST URL that they set explicitly wins.
        stored: the endpoints of the last contact.
        sim_url: base URL of a stand-in that runs now; None when none does.

    Raises:
        WrongExchange: when EXCHANGE asks for another kind of exchange.
    """
    refuse_other_kind(settings, stored.identity)
    if is_named_by_hand(settings):
        return by_settings(settings, stored.identity)
    if sim_url is not None and not is_real(stored.identity):
        return of_stand_in(settings, sim_url, stored.identity)
    return stored


def locate_archive(settings: Settings, endpoints: ExchangeEndpoints) -> str:
    """Base URL of the published files of the warehouse's exchange.

    A stand-in serves them at its REST URL, unless the environment sets another one.
    """
    if is_real(endpoints.identity) or settings.is_given("archive_url"):
        return settings.archive_url
    return endpoints.rest_url


def locate_stream(settings: Settings, endpoints: ExchangeEndpoints) -> str:
    """Base URL of the streams of the warehouse's exchange.

    A stand-in streams at its REST URL, unless the environment sets another one.
    """
    if is_real(endpoints.identity) or settings.is_given("stream_url"):
        return settings.stream_url
    # http becomes ws and https becomes wss.
    return endpoints.rest_url.replace("http", "ws", 1)
