"""The first contact: who answers at a URL."""

from __future__ import annotations

import asyncio
import http
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from sqlalchemy import Engine

from candlehouse.core.errors import ExchangeError, ExchangeUnavailable, RateLimited
from candlehouse.core.timeframe import from_ms
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.binance.http.transport import find_identity
from candlehouse.exchange.failures import Answer, classify_failure
from candlehouse.exchange.sessions import open_session
from candlehouse.storage.limits.exchange_state import Contact
from candlehouse.storage.limits.gate import close_gate, refuse_behind_gate

_TIMEOUT_S = 3.0


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
    url = hide_user_info(rest_url)
    try:
        answer = asyncio.run(_ask(f"{rest_url}/api/v3/time"))
        if answer.status != http.HTTPStatus.OK:
            raise classify_failure(answer, None, url)
        server_time = from_ms(int(json.loads(answer.body)["serverTime"]))
    except RateLimited:
        raise
    except (aiohttp.ClientError, ExchangeError, OSError, ValueError, KeyError, TypeError) as error:
        why = hide_user_info(str(error) or type(error).__name__)
        raise ExchangeUnavailable(
            f"no exchange answers at {url}: {why} (the stand-in runs with `make run`)"
        ) from None
    return Probed(find_identity(answer), Contact(server_time, datetime.now(UTC)))


async def _ask(url: str) -> Answer:
    answer = Answer()
    async with open_session(url, total_s=_TIMEOUT_S) as session, session.get(url) as response:
        answer.fill(response.status, response.headers, await response.text(errors="replace"))
    return answer


def heeding_gate(engine: Engine, probe: Probe) -> Probe:
    """The same for all processes: nobody asks behind a closed gate, and all learn of one."""

    def ask(rest_url: str) -> Probed:
        with engine.connect() as connection:
            refuse_behind_gate(connection)
        try:
            return probe(rest_url)
        except RateLimited as error:
            with engine.begin() as connection:
                close_gate(connection, error.retry_after_s, str(error))
            raise

    return ask
