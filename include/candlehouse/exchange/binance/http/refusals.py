"""The meaning of Binance's error codes, and the used weight reported in its responses."""

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
    """The error for a failed request to Binance; see `classify_failure`."""
    return classify_failure(answer, error, where, CODES)


def read_used_weight(answer: Answer) -> int | None:
    """The request weight used in the last minute as reported by the exchange, None without."""
    text = answer.headers.get("x-mbx-used-weight-1m", "")
    return int(text) if text.isascii() and text.isdigit() else None
