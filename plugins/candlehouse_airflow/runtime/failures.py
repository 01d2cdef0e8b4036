"""Failures of the use cases, as Airflow understands them: try again, when, or give up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from airflow.sdk import Context, RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowFailException

from candlehouse.core.errors import CandlehouseError, RateLimited

_log = logging.getLogger(__name__)


@contextmanager
def told_clearly() -> Iterator[None]:
    """Says in one line why a use case failed, and leaves its inner trace out.

    Raises:
        AirflowFailException: when trying again cannot help; the task has no retries then.
        CandlehouseError: when it can.
    """
    try:
        yield
    except CandlehouseError as error:
        _log.error("%s", error)
        if error.retryable:
            raise error.with_traceback(None) from None
        raise AirflowFailException(str(error)) from None


class WaitForGate(RetryPolicy):
    """Waits as long as the exchange says; for everything else the task's own delays hold."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """The delay before the next try."""
        if isinstance(exception, RateLimited):
            delay = timedelta(seconds=exception.retry_after_s)
            return RetryDecision.retry(delay, f"the exchange's gate is closed: {exception}")
        return RetryDecision.default()
