"""Sends single requests: reserves weight, respects the gate, retries, checks the identity."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from candlehouse.core.errors import (
    MalformedPayload,
    RateLimited,
    WrongExchange,
)
from candlehouse.core.ports import WeightBudget
from candlehouse.core.retries import Retries
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.binance.facts import VENUE
from candlehouse.exchange.binance.http.client import Client, open_client
from candlehouse.exchange.binance.http.refusals import classify_refusal, read_used_weight
from candlehouse.exchange.failures import Answer
from candlehouse.retrying import policy_of

_T = TypeVar("_T")

_MARKET_HEADER = "x-exchange-sim-market"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path below /api/v3, ccxt's name of the call, and its weight."""

    path: str
    call: str
    weight: int


class Transport:
    """Sends requests to one exchange; open and close it in one event loop.

    Args:
        rest_url: base URL without path.
        budget: reserves the weight of every request beforehand.
        retries: policy for failures that may pass.
        identity: the exchange that must answer; None accepts any.
        timeout_s: per request.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        rest_url: str,
        budget: WeightBudget,
        retries: Retries,
        *,
        identity: str | None = None,
        timeout_s: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest_url = rest_url
        self._shown_url = hide_user_info(rest_url)
        self._budget = budget
        self._retries = retries
        self._identity = identity
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._client: Client | None = None
        self._closed_until = float("-inf")

    async def open(self) -> None:
        """Creates the connection pool; sends no request."""
        self._client = await open_client(self._rest_url, self._timeout_s)

    async def close(self) -> None:
        """Closes the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def request(
        self,
        endpoint: Endpoint,
        params: Mapping[str, object],
        what: str,
        parse: Callable[[object, Answer], _T],
    ) -> _T:
        """Sends a request until it succeeds, fails for good or no attempt is left.

        Args:
            endpoint: with the weight to reserve.
            params: of the query.
            what: the requested data, in words.
            parse: converts the decoded JSON to the result; its MalformedPayload is retried.

        Raises:
            ExchangeError: the failure of the last attempt.
            WrongExchange: when another exchange than the expected one answers.
        """
        where = f"{what} ({self._url(endpoint, params)})"
        async for attempt in policy_of(self._retries).attempt_async(self._retries.sleep):
            # Outside of the attempt: RateLimited of the budget is final, which has waited already.
            ticket = await self._budget.reserve(endpoint.weight)
            with attempt:
                return await self._attempt(ticket, endpoint, params, where, parse)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(
        self,
        ticket: int,
        endpoint: Endpoint,
        params: Mapping[str, object],
        where: str,
        parse: Callable[[object, Answer], _T],
    ) -> _T:
        answer = Answer()
        try:
            self._refuse_while_closed(where)
            payload = await self._open_client().call(endpoint.call, params, answer, where)
        except RateLimited as error:
            await self._close_gate(answer, error)
            raise
        finally:
            await self._budget.settle(ticket, read_used_weight(answer))
        if not isinstance(payload, (list, dict)):
            raise classify_refusal(answer, None, where)
        try:
            parsed = parse(payload, answer)
        except MalformedPayload as error:
            raise MalformedPayload(f"{error} ({self._url(endpoint, params)})") from None
        require_identity(answer, self._identity, self._shown_url)
        return parsed

    def _open_client(self) -> Client:
        if self._client is None:
            raise RuntimeError("RestSource is used outside of its async with block")
        return self._client

    def _refuse_while_closed(self, where: str) -> None:
        # The ticket may have been granted just before another request closed the gate.
        wait_s = self._closed_until - self._monotonic()
        if wait_s > 0:
            raise RateLimited(
                f"{where}: the exchange accepts no requests for {wait_s:.0f} s", wait_s
            )

    async def _close_gate(self, answer: Answer, error: RateLimited) -> None:
        if answer.status is None:
            return
        until = self._monotonic() + error.retry_after_s
        self._closed_until = max(self._closed_until, until)
        await self._budget.close_gate(error.retry_after_s, str(error))

    def _url(self, endpoint: Endpoint, params: Mapping[str, object]) -> str:
        query = f"?{urlencode(params)}" if params else ""
        return f"{self._shown_url}/api/v3/{endpoint.path}{query}"


def find_identity(answer: Answer) -> str:
    """Which exchange gave this answer: a stand-in sends the id of its market."""
    market = answer.headers.get(_MARKET_HEADER)
    return VENUE.name if market is None else f"sim:{market}"


def require_identity(answer: Answer, identity: str | None, where: str) -> None:
    """Rejects an answer of another exchange.

    Args:
        answer: with its headers.
        identity: the exchange that must answer; None accepts any.
        where: the URL, for the message.

    Raises:
        WrongExchange: when another exchange answers.
    """
    found = find_identity(answer)
    if identity is not None and found != identity:
        raise WrongExchange(f"{where} is {found}, but the warehouse belongs to {identity}")
