"""Attempts connections for a while: `python attempts.py URL SECONDS LIMIT WINDOW_S`.

It prints when each was granted, in seconds of this machine's clock.
"""

from __future__ import annotations

import asyncio
import sys
import time

from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.attempts import PostgresConnectionBudget


async def spend(url: str, seconds: float, limit: int, window_s: float) -> list[float]:
    """Times at which attempts were granted to two tasks that request without a pause."""
    granted: list[float] = []
    engine = connect(url)

    async def ask(budget: PostgresConnectionBudget) -> None:
        while True:
            await budget.attempt()
            granted.append(time.time())

    async with PostgresConnectionBudget(engine, limit, window_s, under_way_s=0.2) as budget:
        tasks = [asyncio.create_task(ask(budget)) for _ in range(2)]
        await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    engine.dispose()
    return granted


def find_most(granted: list[float], window_s: float) -> int:
    """The most attempts in any window."""
    return max(sum(last - window_s < one <= last for one in granted) for last in granted)


if __name__ == "__main__":
    for at in asyncio.run(
        spend(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    ):
        print(at)
