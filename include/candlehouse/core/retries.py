"""How often, and how slowly, a request to the exchange is tried again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from candlehouse.core.errors import ExchangeError, ExchangeUnavailable, RateLimited

# Seconds: no back-off is longer than this, and no longer gate is waited for here.
_LONGEST_BACK_OFF_S = 60.0
_LONGEST_GATE_S = 120.0


@dataclass(frozen=True, slots=True)
class Retries:
    """Limits and waits of a request's attempts; `candlehouse.retrying` makes the attempts.

    Attributes:
        attempts: in all, at least 1.
        first_delay_s: doubles with each attempt, with jitter, up to a minute.
        sleep: waits for seconds.
        draw: a random number in [0, 1).
    """

    attempts: int = 5
    first_delay_s: float = 1.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    draw: Callable[[], float] = random.random

    def delay_s(self, attempt: int, error: ExchangeError) -> float:
        """Seconds to wait before the next attempt.

        A closed gate is waited for as long as the exchange says, without jitter.

        Args:
            attempt: number of the attempt that failed, from 1.
            error: what that attempt failed with.
        """
        if isinstance(error, RateLimited):
            return error.retry_after_s
        doubled: float = self.first_delay_s * 2.0 ** min(attempt - 1, 16)
        delay_s = min(doubled, _LONGEST_BACK_OFF_S) * (0.5 + self.draw() / 2)
        return heed_wish(delay_s, error)


def heed_wish(delay_s: float, error: ExchangeError) -> float:
    """A delay, or what the exchange asks for where that is longer, up to a minute."""
    asked_s = error.wait_s if isinstance(error, ExchangeUnavailable) else None
    return max(delay_s, min(asked_s or 0.0, _LONGEST_BACK_OFF_S))


def is_worth_waiting(error: ExchangeError) -> bool:
    """Whether the same request may succeed soon: a gate that is closed for long is left alone."""
    if isinstance(error, RateLimited) and error.retry_after_s > _LONGEST_GATE_S:
        return False
    return error.retryable
