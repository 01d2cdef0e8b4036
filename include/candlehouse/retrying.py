"""Retries of what failed and may succeed: one policy for requests and for the database.

tenacity makes the attempts. A policy defines their number, which failures are retried, and the
delays. The last failure is raised unchanged, and each delay is logged with its reason.

Two kinds of loops are not covered: the reconnects of a stream, whose backoff is reset only after
data has flowed, and the pauses of a live session, which has no last attempt.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
)

from candlehouse.core.errors import ExchangeError
from candlehouse.core.retries import Retries, is_worth_waiting

_T = TypeVar("_T")
_E = TypeVar("_E", bound=Exception)
_log = logging.getLogger(__name__)


def _is_passing(_error: Exception) -> bool:
    return True


def _no_delay(_attempt: int, _error: Exception) -> float:
    return 0.0


@dataclass(frozen=True)
class RetryPolicy(Generic[_E]):
    """How many attempts are made, after which failures, and with which delays.

    Attributes:
        what: the work, as the subject of a sentence in the log, such as "a request".
        attempts: including the first, at least 1.
        failures: exception types that may be retried; all others are final.
        passes: decides per failure whether a retry may succeed.
        delay_s: seconds to wait after an attempt, given its number from 1 and its failure.
    """

    what: str
    attempts: int
    failures: type[_E] | tuple[type[_E], ...]
    passes: Callable[[_E], bool] = _is_passing
    delay_s: Callable[[int, _E], float] = _no_delay

    def call(self, work: Callable[[], _T]) -> _T:
        """Calls `work` until it succeeds, fails for good or no attempt is left; returns its result.

        Raises:
            Exception: the failure of the last attempt.
        """
        return Retrying(**self._options(), sleep=time.sleep)(work)

    async def call_async(
        self,
        work: Callable[[], Awaitable[_T]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> _T:
        """Like `call`, for an awaitable.

        Args:
            work: returns a new awaitable per attempt.
            sleep: waits for the given number of seconds.

        Raises:
            Exception: the failure of the last attempt.
        """
        async for attempt in self.attempt_async(sleep):
            with attempt:
                return await work()
        raise AssertionError("the last attempt returns or raises")

    def attempt_async(self, sleep: Callable[[float], Awaitable[None]]) -> AsyncRetrying:
        """The attempts for `async for`: each is a context manager that catches retryable failures.

        Failures outside of the context are final.
        """
        return AsyncRetrying(**self._options(), sleep=sleep)

    def _options(self) -> dict[str, Any]:
        return {
            "stop": stop_after_attempt(self.attempts),
            "retry": retry_if_exception(self._may_follow),
            "wait": self._wait_s,
            "before_sleep": self._log_retry,
            "reraise": True,
        }

    def _may_follow(self, error: BaseException) -> bool:
        return isinstance(error, self.failures) and self.passes(error)

    def _wait_s(self, state: RetryCallState) -> float:
        # tenacity also asks after the last attempt, which is not followed by another.
        if state.attempt_number >= self.attempts:
            return 0.0
        return self.delay_s(state.attempt_number, cast("_E", _find_failure(state)))

    def _log_retry(self, state: RetryCallState) -> None:
        _log.warning(
            "%s failed in attempt %d of %d, the next attempt follows in %.1f s: %s",
            self.what, state.attempt_number, self.attempts, state.upcoming_sleep,
            _find_failure(state),
        )  # fmt: skip


def policy_of(
    retries: Retries, only: type[ExchangeError] = ExchangeError, most: int | None = None
) -> RetryPolicy[ExchangeError]:
    """The retry policy of a request to the exchange.

    Args:
        retries: its limits and delays.
        only: failures of other types are final.
        most: upper limit of the attempts, None for that of `retries`.
    """
    attempts = retries.attempts if most is None else min(most, retries.attempts)
    return RetryPolicy("a request", attempts, only, is_worth_waiting, retries.delay_s)


def wait_while_failing(
    work: Callable[[], _T], failure: type[Exception], pause_s: float, longest_s: float
) -> _T:
    """Calls `work` until another process has finished and it succeeds; logs nothing meanwhile.

    Args:
        work: fails while the other process is not done.
        failure: the exception type of that failure; all others are final.
        pause_s: seconds between two calls.
        longest_s: seconds after which a failure is final.

    Raises:
        Exception: the last failure.
    """
    return Retrying(
        stop=stop_after_delay(longest_s),
        wait=wait_fixed(pause_s),
        retry=retry_if_exception_type(failure),
        reraise=True,
    )(work)


def _find_failure(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
