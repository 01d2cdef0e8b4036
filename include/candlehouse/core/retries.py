"""How often, and how slowly, what has failed is tried again."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from candlehouse.core.errors import ExchangeError, ExchangeUnavailable, RateLimited

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

# Seconds: no back-off is longer than this, and no longer gate is waited for here.
_LONGEST_BACK_OFF_S = 60.0
_LONGEST_GATE_S = 120.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how slowly a request is tried again.

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

    def delay_s(self, attempt: int, error: ExchangeError) -> float | None:
        """Seconds to wait before the next attempt, None when there is to be none.

        Args:
            attempt: number of the one that failed, from 1.
            error: what it failed with.
        """
        if attempt >= self.attempts or not error.retryable:
            return None
        if isinstance(error, RateLimited):
            return error.retry_after_s if error.retry_after_s <= _LONGEST_GATE_S else None
        doubled: float = self.first_delay_s * 2.0 ** min(attempt - 1, 16)
        delay_s = min(doubled, _LONGEST_BACK_OFF_S) * (0.5 + self.draw() / 2)
        asked_s = error.wait_s if isinstance(error, ExchangeUnavailable) else None
        return max(delay_s, min(asked_s or 0.0, _LONGEST_BACK_OFF_S))

    async def insist(
        self,
        attempt: Callable[[], Awaitable[_T]],
        only: type[ExchangeError] = ExchangeError,
        most: int | None = None,
    ) -> _T:
        """Calls `attempt` until it succeeds, fails for good or was called often enough.

        Args:
            attempt: to be made.
            only: failures of other kinds are final.
            most: calls, where that is fewer than `attempts`.

        Raises:
            ExchangeError: what the last attempt failed with.
        """
        for number in itertools.count(1):
            try:
                return await attempt()
            except only as error:
                delay_s = None if number == most else self.delay_s(number, error)
                if delay_s is None:
                    raise
                _log.warning("attempt %d failed, next in %.1f s: %s", number, delay_s, error)
            await self.sleep(delay_s)
        raise AssertionError("the last attempt returns or raises")
