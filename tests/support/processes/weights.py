"""Uses up a weight budget and records the times: run as a process, or in a thread.

As a process: `python weights.py URL SECONDS WINDOW_S LIMIT_SHARE`; a line for every request.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass

from candlehouse.core.errors import RateLimited
from candlehouse.exchange.binance.facts import REST
from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.ledger import Window
from candlehouse.storage.limits.weights import PostgresWeightBudget


@dataclass(frozen=True)
class Sent:
    """Weight, start and end of a request, in seconds of this machine's clock."""

    weight: int
    start: float
    end: float


async def spend(
    url: str, weights: list[int], seconds: float, window: Window, share: float, latency_s: float
) -> list[Sent]:
    """Sends requests of these weights one after the other, four at a time, for `seconds`."""
    sent: list[Sent] = []
    engine = connect(url)
    ends = time.time() + seconds

    async def send(budget: PostgresWeightBudget, turn: int) -> None:
        while time.time() < ends:
            weight = weights[turn % len(weights)]
            turn += 1
            try:
                ticket = await budget.reserve(weight)
            except RateLimited:
                return
            start = time.time()
            await asyncio.sleep(latency_s)
            sent.append(Sent(weight, start, time.time()))
            await budget.settle(ticket, None)

    async with PostgresWeightBudget(
        engine, REST, share, max_wait_s=seconds, window=window
    ) as budget:
        await asyncio.gather(*[send(budget, turn) for turn in range(4)])
    engine.dispose()
    return sent


def find_heaviest(sent: list[Sent], window_s: float) -> int:
    """The most weight that may have arrived in any window, each request at its worst moment."""
    # A window that is as bad as can be ends at a request's start, having just let in
    # everything that was still under way a window before.
    return max(
        sum(one.weight for one in sent if one.start <= last.start < one.end + window_s)
        for last in sent
    )


if __name__ == "__main__":
    for one in asyncio.run(
        spend(sys.argv[1], [2], float(sys.argv[2]), Window(float(sys.argv[3])), 0.95, 0.05)
    ):
        print(one.weight, one.start, one.end)
