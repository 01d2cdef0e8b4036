"""Polls forming candles by REST while no websocket works: slower, and as exact.

Closed candles are not polled: a candle that closes meanwhile is overdue at once, and healing
fetches it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from candlehouse.core.errors import ExchangeError, RateLimited
from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.rest_facts import RestFacts
from candlehouse.core.ports import CandleSource
from candlehouse.core.task_groups import run_together
from candlehouse.core.timeframe import to_ms
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.live.delays import GrowingDelays
from candlehouse.pipelines.live.writing.buffer import Batcher

_log = logging.getLogger(__name__)

# Shortest and longest time between two rounds, in seconds.
SHORTEST_ROUND_S = 0.5
LONGEST_ROUND_S = 5.0
# The part of the weight limit that polling may take.
_ONE_IN = 3
# Longer candles change slowly: each is polled in one of this many rounds.
_ROUNDS = 4
_AT_ONCE = 8
# Seconds between two checks whether to poll.
_LOOK_S = 0.5


class CandlePolling:
    """Polls forming candles while no stream delivers them, for one event loop.

    Args:
        batcher: takes what is polled.
        find_polled: gives the series to poll now; none while the stream works.
    """

    def __init__(self, batcher: Batcher, find_polled: Callable[[], Collection[Series]]) -> None:
        self._batcher = batcher
        self._find_polled = find_polled
        self._delays = GrowingDelays[Series]()
        self._resting: dict[Series, float] = {}

    async def run(self, source: CandleSource) -> None:
        """Until cancelled.

        Raises:
            RateLimited: the exchange's gate is closed.
            ExchangeUnavailable: the exchange does not even tell its time.
        """
        number = 0
        while True:
            series = self._find_polled()
            if not series:
                await asyncio.sleep(_LOOK_S)
                continue
            began = time.monotonic()
            chosen = choose_round(self._leave_out_resting(series), number)
            self._let_rest(chosen, await poll_round(source, self._batcher, chosen))
            number += 1
            spent_s = time.monotonic() - began
            await asyncio.sleep(max(0.0, round_length_s(len(chosen), VENUE.rest) - spent_s))

    def _leave_out_resting(self, series: Collection[Series]) -> list[Series]:
        now = time.monotonic()
        return [one for one in series if self._resting.get(one, now) <= now]

    def _let_rest(self, requested: Collection[Series], failed: Collection[Series]) -> None:
        """Delays failed series: those of an unknown symbol are polled less and less often."""
        for one in failed:
            delay_s = self._delays.failed(one, LONGEST_ROUND_S)
            self._resting[one] = time.monotonic() + delay_s
        for one in set(requested).difference(failed):
            self._delays.forget(one)
            self._resting.pop(one, None)


def round_length_s(requests: int, rest: RestFacts) -> float:
    """Seconds between two rounds, by the weight of their requests.

    Args:
        requests: number of requests per round.
        rest: weights and limits of the exchange.
    """
    weight_per_s = rest.usual_limit // (60 * _ONE_IN)
    seconds = rest.page_weight * requests / weight_per_s
    return min(max(seconds, SHORTEST_ROUND_S), LONGEST_ROUND_S)


def choose_round(series: Collection[Series], number: int) -> list[Series]:
    """The series of round `number`: the shortest timeframe per symbol, and a part of the rest."""
    ordered = sorted(series, key=lambda one: (one.symbol, one.timeframe.length))
    chosen, others = [], []
    for _, group in itertools.groupby(ordered, key=lambda one: one.symbol):
        first, *rest = group
        chosen.append(first)
        others += rest
    return chosen + others[number % _ROUNDS :: _ROUNDS]


async def poll_round(
    source: CandleSource, batcher: Batcher, series: Sequence[Series]
) -> list[Series]:
    """Fetches the forming candle of each series, and passes it to the batcher.

    Returns:
        The series that failed, which do not stop the others.

    Raises:
        RateLimited: the exchange's gate is closed.
        ExchangeUnavailable: the exchange does not even tell its time.
    """
    now = await source.fetch_time()
    batcher.clock_ms = max(batcher.clock_ms, to_ms(now))
    gate = asyncio.Semaphore(_AT_ONCE)
    failed: list[Series] = []

    async def poll(one: Series) -> None:
        async with gate:
            try:
                update = await fetch_forming(source, one, now)
            except RateLimited:
                raise
            except ExchangeError as error:
                _log.warning("polling %s failed: %s", one, error)
                failed.append(one)
                return
        if update is not None:
            batcher.take(update)

    await run_together(*(poll(one) for one in series))
    return failed


async def fetch_forming(source: CandleSource, series: Series, now: datetime) -> CandleUpdate | None:
    """The candle that is forming at `now`, the exchange's time; None if REST has none."""
    opens = series.timeframe.floor(now)
    page = await source.fetch_page(series, Span(opens, opens + series.timeframe.length), 1)
    opened = page.rows.first_open_time
    if opened is None:
        return None
    (line,) = page.rows
    return CandleUpdate(candle_channel(series), to_ms(opened), to_ms(now), False, line)
