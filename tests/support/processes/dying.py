"""Processes that die in the middle of what they store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

from support.exchanges.model_exchange import Killed


@contextmanager
def dying(engine: Engine, statements: int | None) -> Iterator[None]:
    """The process dies before its `statements`-th statement or commit, losing its connection."""
    left = [statements]

    def count(connection: object, *_: object) -> None:
        if left[0] is not None:
            left[0] -= 1
            if left[0] < 0:
                raise Killed

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", count)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", count)
        event.remove(engine, "commit", count)
