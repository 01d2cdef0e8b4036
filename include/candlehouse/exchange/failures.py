"""What a failed request means: one place that says wait, try again or give up."""

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
from candlehouse.exchange.waiting import choose_closed_s, read_wait_s


@dataclass(frozen=True, slots=True)
class RefusalCodes:
    """What the codes in the bodies of refusals mean, where the HTTP status does not say it.

    Attributes:
        unknown_symbol: the exchange has no such pair.
        passing: a fault of the exchange itself; the request may succeed later.
        too_many: more was asked than is allowed.
    """

    unknown_symbol: frozenset[int] = frozenset()
    passing: frozenset[int] = frozenset()
    too_many: frozenset[int] = frozenset()


_NO_CODES = RefusalCodes()


@dataclass(slots=True)
class Answer:
    """What came back of one request; `status` is None when nothing did.

    Attributes:
        headers: names in lower case, since their case varies on the way.
        body: the text as received.
        asked_ns: this machine's clock when the request left, in nanoseconds.
        answered_ns: likewise when the answer was there.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    asked_ns: int = 0
    answered_ns: int = 0

    def fill(self, status: int, headers: Mapping[str, str], body: str) -> None:
        """Notes what arrived."""
        self.answered_ns = time.time_ns()
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def wait_s(self) -> float | None:
        """Seconds for which it asks to be left alone, None when it says nothing of that."""
        return read_wait_s(self.headers, self.body, self.answered_ns / 1e9)


class _Refusal(msgspec.Struct):
    code: int
    msg: str = ""


def classify_failure(
    answer: Answer, error: Exception | None, where: str, codes: RefusalCodes = _NO_CODES
) -> ExchangeError:
    """The error that a request which brought nothing usable amounts to.

    Status and code decide, and not the class that ccxt raised: that one makes a ban, a
    geographical restriction and a firewall look like a passing network fault, and an
    overloaded exchange (503 with -1008) or a body that was cut off look permanent.

    Args:
        answer: what arrived; an empty one for timeouts and broken connections.
        error: what the client raised, None when it took the answer for a success.
        where: the request in words, for the message.
        codes: what the codes in the answer's body mean.
    """
    status, refusal = answer.status, _parse_refusal(answer.body)
    code = refusal.code if refusal else None
    reason = hide_user_info(f"{where}: {_words(answer, refusal, error)}")
    if status is None:
        return ExchangeUnavailable(reason)
    closed_s = choose_closed_s(status, answer.wait_s, code in codes.too_many)
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
