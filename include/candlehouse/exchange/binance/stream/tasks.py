"""Running things side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def first_of(*coroutines: Coroutine[Any, Any, _T]) -> _T:
    """Runs all until one is done; gives or raises what that one did, and ends the others.

    When several end at once the first argument counts. What the others fail with while they
    are ended is of no interest, unlike in a TaskGroup, which would raise that.
    """
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        # What they end with now is of no interest: the first one's outcome is the answer.
        await asyncio.gather(*tasks, return_exceptions=True)
