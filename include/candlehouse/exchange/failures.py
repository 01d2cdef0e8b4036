"""Maps a failed request to an error that says whether to wait, retry or give up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from candlehouse.core.errors import (
    ExchangeError,
    ExchangeUnavailable,
    MalformedPayload,
    RateLimited,
    RequestRejected,
    UnknownSymbol,
)
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.waiting import find_closed_s, read_wait_s


@dataclass(frozen=True, slots=True)
class RefusalCodes:
    """The meaning of error codes in response bodies where the HTTP status is not enough.

    Attributes:
        unknown_symbol: the exchange has no such pair.
        passing: a fault of the exchange itself; the request may succeed later.
        too_many: a rate limit was exceeded.
    """

    unknown_symbol: frozenset[int] = frozenset()
    passing: frozenset[int] = frozenset()
    too_many: frozenset[int] = frozenset()


_NO_CODES = RefusalCodes()


@dataclass(slots=True)
class Answer:
    """The response to one request; `status` is None when there was no response.

    Attributes:
        headers: names in lower case, since their case varies on the way.
        body: the text as received.
        asked_ns: this machine's clock when the request was sent, in nanoseconds since 1970.
        answered_ns: this machine's clock when the response arrived.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    asked_ns: int = 0
    answered_ns: int = 0

    def fill(self, status: int, headers: Mapping[str, str], body: str) -> None:
        """Stores the response and the time of its arrival."""
        self.answered_ns = time.time_ns()
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def wait_s(self) -> float | None:
        """Seconds for which the response asks not to be called; None when it does not say."""
        return read_wait_s(self.headers, self.body, self.answered_ns / 1e9)


class _Refusal(msgspec.Struct):
    code: int
    msg: str = ""


def classify_failure(
    answer: Answer, error: Exception | None, where: str, codes: RefusalCodes = _NO_CODES
) -> ExchangeError:
    """The error for a request that returned nothing usable.

    Status and code decide, not the class that ccxt raised: ccxt reports a ban, a geographical
    restriction and a firewall as a passing network fault, and an overloaded exchange (503 with
    -1008) or a truncated body as permanent.

    Args:
        answer: the response; an empty one for timeouts and broken connections.
        error: the client's exception, None when the client accepted the response.
        where: the request in words, for the message.
        codes: the meaning of codes in the response's body.
    """
    status, refusal = answer.status, _parse_refusal(answer.body)
    code = refusal.code if refusal else None
    reason = hide_user_info(f"{where}: {_words(answer, refusal, error)}")
    if status is None:
        return ExchangeUnavailable(reason)
    closed_s = find_closed_s(status, answer.wait_s, code in codes.too_many)
    if closed_s is not None:
        return RateLimited(reason, closed_s)
    if code in codes.unknown_symbol:
        return UnknownSymbol(reason)
    if status >= 500 or status == 408 or code in codes.passing:
        return ExchangeUnavailable(reason, answer.wait_s)
    if status >= 400 or code is not None:
        return RequestRejected(reason)
    return MalformedPayload(reason)


def _parse_refusal(body: str) -> _Refusal | None:
    try:
        return msgspec.json.decode(body, type=_Refusal)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _words(answer: Answer, refusal: _Refusal | None, error: Exception | None) -> str:
    if answer.status is None:
        cause = error.__cause__ if error is not None and error.__cause__ is not None else error
        return f"no answer ({type(cause).__name__}: {cause})".replace(": )", ")")
    if refusal is not None:
        return f"HTTP {answer.status}, code {refusal.code}: {refusal.msg}"
    body = " ".join(answer.body.split())
    return f"HTTP {answer.status}, {body[:120]!r}"
