"""Tasks side by side, whose failure is raised as a single error.

`asyncio.TaskGroup` cancels the other tasks when one fails and raises an exception group. Callers
catch single errors of the tree in `core/errors.py`, so groups are unwrapped here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup that raises the first error instead of an exception group.

    Raises:
        Exception: of the block or of the first task that failed; all other tasks have ended.
    """
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failed:
        failure = find_first(failed)
    # Outside of the handler, so that the error keeps the cause and context of its own.
    if failure is not None:
        raise failure


async def run_together(*works: Coroutine[Any, Any, None]) -> None:
    """Runs all coroutines concurrently; when one fails the others are cancelled.

    Raises:
        Exception: of the first coroutine that failed.
    """
    async with task_group() as group:
        for work in works:
            group.create_task(work)


def find_first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that happened first, in a group that may contain further groups."""
    first = failed.exceptions[0]
    return find_first(first) if isinstance(first, BaseExceptionGroup) else first
