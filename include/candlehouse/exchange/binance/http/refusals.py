"""What the codes in Binance's refusals mean, and what its answers tell of weight."""

from __future__ import annotations

from candlehouse.core.errors import ExchangeError
from candlehouse.exchange.failures import Answer, RefusalCodes, classify_failure

CODES = RefusalCodes(
    unknown_symbol=frozenset({-1121}),
    # Unknown, disconnected, unexpected response, timeout, overloaded.
    passing=frozenset({-1000, -1001, -1006, -1007, -1008}),
    too_many=frozenset({-1003}),
)


def classify_refusal(answer: Answer, error: Exception | None, where: str) -> ExchangeError:
    """The error that a request of Binance's amounts to, as `classify_failure` says."""
    return classify_failure(answer, error, where, CODES)


def read_used_weight(answer: Answer) -> int | None:
    """The request weight that the exchange counts as used in the last minute, if it says."""
    text = answer.headers.get("x-mbx-used-weight-1m", "")
    return int(text) if text.isascii() and text.isdigit() else None
