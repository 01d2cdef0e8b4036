"""Runs a transaction again after a conflict with another one."""

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
        work: called anew for each attempt.
        again_after: failures after which the work is retried at once.

    Returns:
        The result of `work`.

    Raises:
        StorageError: the failure of the last attempt.
    """

    def attempt() -> _T:
        with begin() as connection:
            return work(connection)

    return RetryPolicy("a transaction", _ATTEMPTS, again_after).call(attempt)
