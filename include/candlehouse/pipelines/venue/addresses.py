"""Where the warehouse's exchange and what belongs to it are, by the settings. Nothing is asked."""

from __future__ import annotations

from dataclasses import replace

from candlehouse.core.errors import WrongExchange
from candlehouse.exchange.venue import VENUE
from candlehouse.settings import Settings
from candlehouse.storage.limits.exchange_state import ExchangeEndpoints

# What EXCHANGE calls a stand-in.
SIM = "sim"


def is_real(identity: str) -> bool:
    """Whether an identity is that of the exchange itself, and not of a stand-in."""
    return identity == VENUE.name


def is_named_by_hand(settings: Settings) -> bool:
    """Whether the environment names something else than the exchange's own address."""
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
    """The exchange where the settings say that it is."""
    return ExchangeEndpoints(
        identity, settings.rest_url, settings.coingecko_url, settings.products_url
    )


def of_stand_in(settings: Settings, sim_url: str, identity: str = "") -> ExchangeEndpoints:
    """A stand-in, which also plays the product list and, below a path of its own, CoinGecko."""
    place = replace(by_settings(settings, identity), rest_url=sim_url)
    if not settings.is_given("coingecko_url"):
        place = replace(place, coingecko_url=f"{sim_url}/coingecko")
    if not settings.is_given("products_url"):
        place = replace(place, products_url=sim_url)
    return place


def locate(
    settings: Settings, stored: ExchangeEndpoints, sim_url: str | None = None
) -> ExchangeEndpoints:
    """Where the warehouse's exchange is now; a stand-in may have moved to another port.

    Raises:
        WrongExchange: when EXCHANGE names another kind.
    """
    refuse_other_kind(settings, stored.identity)
    if is_named_by_hand(settings):
        return by_settings(settings, stored.identity)
    if sim_url is not None and not is_real(stored.identity):
        return of_stand_in(settings, sim_url, stored.identity)
    return stored


def locate_archive(settings: Settings, endpoints: ExchangeEndpoints) -> str:
    """Base URL of the published files of the warehouse's exchange.

    A stand-in has them where it answers, unless the environment names another place.
    """
    if is_real(endpoints.identity) or settings.is_given("archive_url"):
        return settings.archive_url
    return endpoints.rest_url


def locate_stream(settings: Settings, endpoints: ExchangeEndpoints) -> str:
    """Base URL of the streams of the warehouse's exchange.

    A stand-in streams where it answers, unless the environment names another place.
    """
    if is_real(endpoints.identity) or settings.is_given("stream_url"):
        return settings.stream_url
    # http becomes ws and https becomes wss.
    return endpoints.rest_url.replace("http", "ws", 1)
