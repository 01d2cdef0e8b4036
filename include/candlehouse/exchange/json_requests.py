"""GET requests for JSON that cost no request weight: retried, and decoded exactly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import msgspec

from candlehouse.core.errors import ExchangeError, ExchangeUnavailable, MalformedPayload
from candlehouse.core.retries import respect_retry_after
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.failures import Answer, RefusalCodes, classify_failure
from candlehouse.exchange.network import choose_proxy
from candlehouse.exchange.sessions import open_session
from candlehouse.retrying import RetryPolicy

_T = TypeVar("_T")
_TIMEOUT_S = 20.0
_RETRY_DELAY_S = 1.0
# RateLimited is not retried: there are other sources.
_POLICY = RetryPolicy[ExchangeError](
    "a request",
    attempts=3,
    failures=(ExchangeUnavailable, MalformedPayload),
    delay_s=lambda attempt, error: respect_retry_after(_RETRY_DELAY_S * attempt, error),
)


class JsonRequests:
    """A client of one source; an asynchronous context manager, for one event loop.

    Numbers are decoded straight from the text as Decimal where `kind` declares them so.

    Args:
        codes: the meaning of the source's error codes.
        sleep: waits for the given number of seconds.
    """

    def __init__(
        self,
        codes: RefusalCodes | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._codes = codes or RefusalCodes()
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(total_s=_TIMEOUT_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def fetch(self, url: str, kind: type[_T], headers: Mapping[str, str] | None = None) -> _T:
        """The response of a URL, decoded and validated as `kind` (a msgspec type).

        Raises:
            ExchangeUnavailable, MalformedPayload: after the last attempt.
            RateLimited, RequestRejected: at once.
        """
        attempt = partial(self._attempt, url, kind, headers or {})
        return await _POLICY.call_async(attempt, self._sleep)

    async def _attempt(self, url: str, kind: type[_T], headers: Mapping[str, str]) -> _T:
        if self._session is None:
            raise RuntimeError("the source was used outside of its async with block")
        where = hide_user_info(url)
        try:
            proxy = choose_proxy(url)
            async with self._session.get(url, headers=headers, proxy=proxy) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = hide_user_info(f"{where}: {type(error).__name__}: {error}")
            raise ExchangeUnavailable(reason) from error
        if response.status != 200:
            answer = Answer()
            answer.fill(response.status, response.headers, body.decode(errors="replace"))
            raise classify_failure(answer, None, where, self._codes)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise MalformedPayload(f"{where}: {error}") from None
