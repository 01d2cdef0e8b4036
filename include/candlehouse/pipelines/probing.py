"""The first contact: who answers at a URL."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from candlehouse.core.errors import ExchangeUnavailable, RateLimited
from candlehouse.core.timeframe import from_ms
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.failures import Answer, classify_failure
from candlehouse.exchange.transport import find_identity
from candlehouse.storage.exchange_state import Contact
from candlehouse.storage.gate import close_gate, refuse_behind_gate

_TIMEOUT_S = 3.0
# Bytes of a refusal that are read for what it says.
_MOST_WORDS = 4096


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
    """
    answer, url = Answer(), hide_user_info(rest_url)
    try:
        with urllib.request.urlopen(f"{rest_url}/api/v3/time", timeout=_TIMEOUT_S) as reply:
            answer.fill(reply.status, dict(reply.headers), "")
            server_time = from_ms(int(json.load(reply)["serverTime"]))
    except urllib.error.HTTPError as error:
        raise _read_refusal(url, answer, error) from None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise _nobody(url, error) from None
    return Probed(find_identity(answer), Contact(server_time, datetime.now(UTC)))


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


def _read_refusal(
    url: str, answer: Answer, error: urllib.error.HTTPError
) -> ExchangeUnavailable | RateLimited:
    with error:
        words = error.read(_MOST_WORDS).decode(errors="replace")
    answer.fill(error.code, dict(error.headers), words)
    refusal = classify_failure(answer, None, url)
    return refusal if isinstance(refusal, RateLimited) else _nobody(url, error)


def _nobody(url: str, error: Exception) -> ExchangeUnavailable:
    return ExchangeUnavailable(
        f"no exchange answers at {url}: {error} (the stand-in runs with `make run`)"
    )
