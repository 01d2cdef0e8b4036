"""The first contact with an exchange, which heeds the gate that all processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from candlehouse.core.errors import RateLimited
from candlehouse.exchange.adapter import ADAPTER
from candlehouse.storage.limits.exchange_state import Contact
from candlehouse.storage.limits.gate import close_gate, refuse_behind_gate
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Probed:
    """Who answers at a URL, and both clocks then."""

    identity: str
    contact: Contact


Probe = Callable[[str], Probed]


def probe_exchange(rest_url: str) -> Probed:
    """Asks who answers at `rest_url`, for at most a few seconds.

    Raises:
        ExchangeUnavailable: when nobody does, or not as an exchange would.
        RateLimited: when somebody does, who wants to be left alone.
        RuntimeError: when it is called inside an event loop, which it would stop.
    """
    found = ADAPTER.ask_who_answers(rest_url)
    return Probed(found.identity, Contact(found.exchange_time, datetime.now(UTC)))


def with_shared_gate(warehouse: Warehouse, probe: Probe) -> Probe:
    """The same for all processes: nobody asks behind a closed gate, and all learn of one."""

    def ask(rest_url: str) -> Probed:
        with warehouse.read() as connection:
            refuse_behind_gate(connection)
        try:
            return probe(rest_url)
        except RateLimited as error:
            with warehouse.write() as connection:
                close_gate(connection, error.retry_after_s, str(error))
            raise

    return ask
