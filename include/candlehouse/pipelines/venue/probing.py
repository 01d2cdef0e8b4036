"""The first contact with an exchange, behind the rate-limit gate that all processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from candlehouse.core.errors import RateLimited
from candlehouse.exchange.adapter import ADAPTER
from candlehouse.storage.limits.exchange_state import Contact
from candlehouse.storage.limits.gate import close_gate, require_open_gate
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Probed:
    """An exchange that answered.

    Attributes:
        identity: name of the exchange, or the identity of a stand-in such as `sim:synthetic-1`.
        contact: the exchange's time and this machine's time of the answer.
    """

    identity: str
    contact: Contact


Probe = Callable[[str], Probed]


def probe_exchange(rest_url: str) -> Probed:
    """Finds out which exchange answers at `rest_url`, within a few seconds.

    Raises:
        ExchangeUnavailable: when no exchange answers there.
        RateLimited: when an exchange answers and refuses requests for now.
        RuntimeError: when it is called inside an event loop, which it would block.
    """
    found = ADAPTER.ask_who_answers(rest_url)
    return Probed(found.identity, Contact(found.exchange_time, datetime.now(UTC)))


def with_shared_gate(warehouse: Warehouse, probe: Probe) -> Probe:
    """Wraps a probe with the gate that is stored in the warehouse.

    While the gate is closed, the probe raises RateLimited without a request. When the exchange
    answers RateLimited, the gate is closed for all processes.
    """

    def ask(rest_url: str) -> Probed:
        with warehouse.read() as connection:
            require_open_gate(connection)
        try:
            return probe(rest_url)
        except RateLimited as error:
            with warehouse.write() as connection:
                close_gate(connection, error.retry_after_s, str(error))
            raise

    return ask
