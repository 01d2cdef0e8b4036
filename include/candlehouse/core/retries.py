"""How often, and with which delays, a request to the exchange is retried."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from candlehouse.core.errors import ExchangeError, ExchangeUnavailable, RateLimited

# Seconds; the longest backoff, and the longest closed gate that is waited for here.
_LONGEST_BACK_OFF_S = 60.0
_LONGEST_GATE_S = 120.0


@dataclass(frozen=True, slots=True)
class Retries:
    """Limits and delays of a request's attempts; `candlehouse.retrying` makes the attempts.

    Attributes:
        attempts: including the first, at least 1.
        first_delay_s: doubles with each attempt, with jitter, up to a minute.
        sleep: waits for the given number of seconds.
        draw: returns a random number in [0, 1).
    """

    attempts: int = 5
    first_delay_s: float = 1.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    draw: Callable[[], float] = random.random

    def delay_s(self, attempt: int, error: ExchangeError) -> float:
        """Seconds to wait before the next attempt.

        A closed gate is waited for as long as the exchange says, without jitter.

        Args:
            attempt: number of the failed attempt, from 1.
            error: failure of that attempt.
        """
        if isinstance(error, RateLimited):
            return error.retry_after_s
        doubled: float = self.first_delay_s * 2.0 ** min(attempt - 1, 16)
        delay_s = min(doubled, _LONGEST_BACK_OFF_S) * (0.5 + self.draw() / 2)
        return respect_retry_after(delay_s, error)


def respect_retry_after(delay_s: float, error: ExchangeError) -> float:
    """The delay, or the wait that the exchange asks for if that is longer; at most a minute."""
    asked_s = error.wait_s if isinstance(error, ExchangeUnavailable) else None
    return max(delay_s, min(asked_s or 0.0, _LONGEST_BACK_OFF_S))


def is_worth_waiting(error: ExchangeError) -> bool:
    """Whether a retry may succeed soon; False for a gate that is closed for more than a minute."""
    if isinstance(error, RateLimited) and error.retry_after_s > _LONGEST_GATE_S:
        return False
    return error.retryable
