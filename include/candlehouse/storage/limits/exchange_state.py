"""Which exchange the warehouse belongs to, and that exchange's clock as last seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class ExchangeEndpoints:
    """An exchange and where it is.

    Attributes:
        identity: its name, or `sim:<market id>`.
        rest_url: base without path, as are the other two.
        coingecko_url: of the market capitalisations that belong to it.
        products_url: of its product list.
    """

    identity: str
    rest_url: str
    coingecko_url: str
    products_url: str


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """What is stored.

    Attributes:
        exchange_time: the latest that was seen; it never goes back.
        weight_limit: request weight a minute.
        limits_are_stale: the limit was never asked for, or a day ago.
    """

    endpoints: ExchangeEndpoints
    exchange_time: datetime
    weight_limit: int
    limits_are_stale: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """An exchange's clock and this machine's at the same moment."""

    exchange_time: datetime
    local_time: datetime

    @property
    def offset_ms(self) -> int:
        """Milliseconds by which the exchange's clock is ahead."""
        return round((self.exchange_time - self.local_time) / timedelta(milliseconds=1))


def select_exchange_state(connection: Connection) -> ExchangeState | None:
    """What is stored, None before an exchange was chosen."""
    row = connection.execute(_SQL("select_exchange_state")).one_or_none()
    if row is None:
        return None
    endpoints = ExchangeEndpoints(row.identity, row.rest_url, row.coingecko_url, row.products_url)
    return ExchangeState(endpoints, row.exchange_time, row.weight_limit, row.limits_are_stale)


def insert_exchange_state(
    connection: Connection,
    endpoints: ExchangeEndpoints,
    contact: Contact,
    close_grace: timedelta,
    weight_limit: int,
) -> None:
    """Makes the warehouse belong to an exchange, unless it belongs to one already.

    Args:
        connection: in a transaction.
        endpoints: of the exchange.
        contact: its clock.
        close_grace: how long after its close a candle may be missing unremarked.
        weight_limit: per minute, assumed until the exchange has said it.
    """
    values = _values(endpoints, contact, close_grace)
    connection.execute(_SQL("insert_exchange_state"), {**values, "weight_limit": weight_limit})


def update_exchange_contact(
    connection: Connection, endpoints: ExchangeEndpoints, contact: Contact, close_grace: timedelta
) -> None:
    """Notes the clock of the warehouse's exchange, and where it was found."""
    connection.execute(_SQL("update_exchange_contact"), _values(endpoints, contact, close_grace))


def update_weight_limit(connection: Connection, weight_limit: int) -> None:
    """Notes what the exchange says its limit is, in weight a minute."""
    connection.execute(_SQL("update_weight_limit"), {"weight_limit": weight_limit})


def _values(
    endpoints: ExchangeEndpoints, contact: Contact, close_grace: timedelta
) -> dict[str, object]:
    return {
        **asdict(endpoints),
        "exchange_time": contact.exchange_time,
        "clock_offset_ms": contact.offset_ms,
        "close_grace": close_grace,
    }
