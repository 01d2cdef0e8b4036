"""Finds the exchange that a session streams from, even while it does not answer."""

from __future__ import annotations

import logging

from candlehouse.core.errors import ExchangeUnavailable, RateLimited
from candlehouse.pipelines.venue.exchange_choice import recall_exchange, resolve_exchange
from candlehouse.storage.limits.exchange_state import ExchangeEndpoints
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


def find_exchange(warehouse: Warehouse) -> ExchangeEndpoints:
    """The warehouse's exchange; when it does not answer, the stored endpoints are returned.

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
        # Streams and REST compare its identity when it answers again.
        _log.warning("the exchange does not answer, the session waits for it: %s", error)
        return known
