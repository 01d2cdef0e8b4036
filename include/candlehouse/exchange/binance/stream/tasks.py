"""Runs awaitables concurrently."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def first_of(*coroutines: Coroutine[Any, Any, _T]) -> _T:
    """Runs all awaitables until one is done; returns or raises its outcome, and cancels the others.

    When several finish at once the first argument counts. Errors of the others while they are
    cancelled are ignored, unlike in a TaskGroup.
    """
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        # Their outcome is ignored: only that of the first counts.
        await asyncio.gather(*tasks, return_exceptions=True)
