"""The only module that uses ccxt: raw calls that report status and headers per call."""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol, cast

import aiohttp
import msgspec

from candlehouse.exchange.binance.http.refusals import classify_refusal
from candlehouse.exchange.failures import Answer
from candlehouse.exchange.network import USER_AGENT, make_ssl_context
from candlehouse.exchange.sessions import open_session

# ccxt keeps the last headers on the instance, where concurrent calls overwrite them. A context
# variable keeps the response of each task apart.
_answer: ContextVar[Answer] = ContextVar("answer")
# ccxt's decoder makes text of every number in twice the time; fractions stay exact here.
_decoder = msgspec.json.Decoder(float_hook=str)


class _Exchange(Protocol):
    """The methods of ccxt's exchange that are used."""

    timeout_on_exit: int
    ssl_context: ssl.SSLContext

    def open(self) -> None: ...

    async def close(self) -> None: ...


class Client:
    """An open connection pool to one exchange; close it in the event loop that opened it."""

    def __init__(self, exchange: _Exchange, session: aiohttp.ClientSession) -> None:
        self._exchange = exchange
        self._session = session

    async def call(
        self, name: str, params: Mapping[str, object], answer: Answer, where: str
    ) -> object:
        """Sends one GET request.

        Args:
            name: ccxt's name of the raw call.
            params: of the query.
            answer: filled with status, headers and body as soon as they arrive, also
                when the request fails.
            where: the request in words, for error messages.

        Returns:
            The decoded JSON; the text of a successful response that is not JSON.

        Raises:
            ExchangeError: the classified failure.
        """
        from ccxt.base.errors import BaseError

        call = cast("Callable[[Mapping[str, object]], Awaitable[object]]", self._find(name))
        token = _answer.set(answer)
        answer.asked_ns = time.time_ns()
        try:
            return await call(params)
        except BaseError as error:
            raise classify_refusal(answer, error, where) from error
        finally:
            _answer.reset(token)

    async def close(self) -> None:
        """Closes the connections."""
        await self._exchange.close()
        await self._session.close()

    def _find(self, name: str) -> object:
        return getattr(self._exchange, name)


async def open_client(rest_url: str, timeout_s: float) -> Client:
    """A client for the spot market at `rest_url`, a base URL without path."""
    session = open_session(rest_url)
    # aiohttp sends a request again by itself when a kept connection breaks: one that
    # nobody reserved weight for.
    session._retry_connection = False
    exchange = _exchange_class()(
        {
            "session": session,
            "userAgent": USER_AGENT,
            "urls": {"api": {"public": f"{rest_url}/api/v3"}},
            "options": {"fetchMarkets": {"types": ["spot"]}},
            "enableRateLimit": False,
            "timeout": int(timeout_s * 1000),
        }
    )
    # ccxt sleeps a quarter of a second for the end of TLS connections of its own, and would
    # read certificates for them.
    exchange.timeout_on_exit = 0
    exchange.ssl_context = make_ssl_context()
    exchange.open()
    return Client(exchange, session)


@cache
def _exchange_class() -> Callable[[dict[str, object]], _Exchange]:
    from ccxt.async_support import binance

    class RawBinance(binance):  # type: ignore[misc]  # ccxt has no types
        """ccxt's binance class, which stores the response in the context of the calling task."""

        def on_rest_response(
            self, code: int, reason: str, url: str, method: str, headers: dict[str, str],
            body: str, *request: Any,
        ) -> Any:  # fmt: skip
            _answer.get().fill(code, headers, body)
            return super().on_rest_response(code, reason, url, method, headers, body, *request)

        def on_json_response(self, response_body: str) -> Any:
            try:
                return _decoder.decode(response_body)
            except RecursionError:
                raise ValueError("too deeply nested") from None

        def handle_errors(self, code: int, reason: str | None, *rest: Any) -> Any:
            # A status line may lack its reason phrase, which ccxt concatenates nevertheless.
            return super().handle_errors(code, reason or "", *rest)

        def handle_http_status_code(self, code: int, reason: str | None, *rest: Any) -> Any:
            super().handle_http_status_code(code, reason or "", *rest)

    return cast("Callable[[dict[str, object]], _Exchange]", RawBinance)
