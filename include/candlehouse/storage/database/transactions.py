"""A transaction that is run again when another one was in its way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection

from candlehouse.core.errors import PassingStorageFailure, TransactionConflict

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

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
    for attempt in range(1, _ATTEMPTS):
        try:
            with begin() as connection:
                return work(connection)
        except again_after as error:
            _log.warning("a transaction is run again after attempt %d: %s", attempt, error)
    with begin() as connection:
        return work(connection)
