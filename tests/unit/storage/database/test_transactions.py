from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest
from sqlalchemy import Connection

from candlehouse.core.errors import StatementCancelled, StorageError, TransactionConflict
from candlehouse.storage.database.transactions import run_transaction


class Transactions:
    """Counts what is begun and what is committed."""

    begun = committed = 0

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self.begun += 1
        yield cast(Connection, self.begun)
        self.committed += 1


@pytest.mark.parametrize(
    ("failure", "failing", "begun", "committed"),
    [
        (TransactionConflict, 2, 3, 1),
        (TransactionConflict, 3, 3, 0),
        (StatementCancelled, 1, 1, 0),
    ],
)
def test_only_what_another_transaction_stopped_is_run_again_and_not_for_ever(
    failure: type[StorageError], failing: int, begun: int, committed: int
) -> None:
    transactions = Transactions()

    def work(connection: Connection) -> int:
        number = cast(int, connection)
        if number <= failing:
            raise failure("on trial")
        return number

    if committed:
        assert run_transaction(transactions.begin, work) == begun
    else:
        with pytest.raises(failure):
            run_transaction(transactions.begin, work)
    assert (transactions.begun, transactions.committed) == (begun, committed)
