"""Which exchange a session streams from, whether or not it answers at this moment."""

from __future__ import annotations

import logging

from candlehouse.core.errors import ExchangeUnavailable, RateLimited
from candlehouse.pipelines.venue.exchange_choice import recall_exchange, resolve_exchange
from candlehouse.storage.limits.exchange_state import ExchangeEndpoints
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


def find_exchange(warehouse: Warehouse) -> ExchangeEndpoints:
    """The warehouse's exchange; one that is known need not be there yet.

    Raises:
        ExchangeUnavailable, RateLimited: when it was never reached and is not now.
        WrongExchange: when another one answers.
    """
    try:
        return resolve_exchange(warehouse)
    except (ExchangeUnavailable, RateLimited) as error:
        known = recall_exchange(warehouse)
        if known is None:
            raise
        # Stream and REST compare its identity when it is back.
        _log.warning("waiting for the exchange: %s", error)
        return known
