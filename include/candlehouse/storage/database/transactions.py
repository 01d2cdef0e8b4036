"""A transaction that is run again when another one was in its way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection

from candlehouse.core.errors import PassingStorageFailure, TransactionConflict
from candlehouse.retrying import RetryPolicy

_T = TypeVar("_T")

_ATTEMPTS = 3


def run_transaction(
    begin: Callable[[], AbstractContextManager[Connection]],
    work: Callable[[Connection], _T],
    again_after: tuple[type[PassingStorageFailure], ...] = (TransactionConflict,),
) -> _T:
    """Runs work in a transaction of its own, up to three times.

    Args:
        begin: begins a transaction that is committed at the end, as `Engine.begin` does.
        work: done from its beginning each time.
        again_after: failures after which the same is tried at once.

    Returns:
        What `work` returns.

    Raises:
        StorageError: what the last attempt failed with.
    """

    def attempt() -> _T:
        with begin() as connection:
            return work(connection)

    return RetryPolicy("a transaction", _ATTEMPTS, again_after).call(attempt)
