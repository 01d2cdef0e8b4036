"""The exchange to which the warehouse is bound, and that exchange's clock as last seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class ExchangeEndpoints:
    """An exchange and its addresses.

    Attributes:
        identity: the exchange's name, or `sim:<market id>`.
        rest_url: base URL without path, like the other two.
        coingecko_url: of its market capitalisations.
        products_url: of its product list.
    """

    identity: str
    rest_url: str
    coingecko_url: str
    products_url: str


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """The stored state.

    Attributes:
        exchange_time: the latest time seen; it never goes back.
        weight_limit: request weight per minute.
        limits_are_stale: whether the limit was never requested, or more than a day ago.
    """

    endpoints: ExchangeEndpoints
    exchange_time: datetime
    weight_limit: int
    limits_are_stale: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """The exchange's clock and this machine's clock at the same moment."""

    exchange_time: datetime
    local_time: datetime

    @property
    def offset_ms(self) -> int:
        """Milliseconds by which the exchange's clock is ahead."""
        return round((self.exchange_time - self.local_time) / timedelta(milliseconds=1))


def select_exchange_state(connection: Connection) -> ExchangeState | None:
    """The stored state, None before an exchange was chosen."""
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
    """Binds the warehouse to an exchange, unless it is already bound to one.

    Args:
        connection: in a transaction.
        endpoints: of the exchange.
        contact: its clock.
        close_grace: how long after its close a candle may be missing without being overdue.
        weight_limit: per minute, assumed until the exchange has reported its limit.
    """
    values = _values(endpoints, contact, close_grace)
    connection.execute(_SQL("insert_exchange_state"), {**values, "weight_limit": weight_limit})


def update_exchange_contact(
    connection: Connection, endpoints: ExchangeEndpoints, contact: Contact, close_grace: timedelta
) -> None:
    """Records the clock of the warehouse's exchange, and its addresses."""
    connection.execute(_SQL("update_exchange_contact"), _values(endpoints, contact, close_grace))


def update_weight_limit(connection: Connection, weight_limit: int) -> None:
    """Records the exchange's reported limit, in weight per minute."""
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
