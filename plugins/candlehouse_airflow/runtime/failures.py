"""Translates failures of the use cases for Airflow: retry, retry later, or fail."""

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
def airflow_failures() -> Iterator[None]:
    """Logs in one line why a use case failed, and raises its error without the inner trace.

    Raises:
        AirflowFailException: when a retry cannot succeed: the task fails without retries.
        CandlehouseError: when a retry can succeed.
    """
    try:
        yield
    except CandlehouseError as error:
        _log.error("%s", error)
        if error.retryable:
            raise error.with_traceback(None) from None
        raise AirflowFailException(str(error)) from None


class WaitForGate(RetryPolicy):
    """Delays a retry as long as the exchange's gate is closed; else the task's delays apply."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decides when a failed task is tried again."""
        if isinstance(exception, RateLimited):
            delay = timedelta(seconds=exception.retry_after_s)
            return RetryDecision.retry(delay, f"the exchange's gate is closed: {exception}")
        return RetryDecision.default()
