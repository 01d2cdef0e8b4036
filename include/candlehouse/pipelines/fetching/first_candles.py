"""Finds the first candle of each series at the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.errors import ExchangeError, RateLimited, UnknownSymbol
from candlehouse.core.model import Series
from candlehouse.core.ports import CandleSource
from candlehouse.core.task_groups import run_together
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.fetching.rest_fetching import CONCURRENT_REQUESTS
from candlehouse.storage.completeness.series import select_series, upsert_first_open_times
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class FirstCandles:
    """Answers of the exchange on first candles.

    Attributes:
        found: open time of each series' first candle; None for a series without candles.
        failures: the reason for each series whose first candle could not be fetched.
        unknown: the failed series whose symbols the exchange does not know.
        foreign: imported series of symbols that the exchange does not know; not failures.
    """

    found: dict[Series, datetime | None] = field(default_factory=dict)
    failures: dict[Series, str] = field(default_factory=dict)
    unknown: set[Series] = field(default_factory=set)
    foreign: set[Series] = field(default_factory=set)

    def ignore(self, foreign: set[Series]) -> None:
        """Moves series from the failures to `foreign`."""
        self.foreign.update(foreign)
        self.unknown.difference_update(foreign)
        for series in foreign:
            del self.failures[series]

    @property
    def requests(self) -> int:
        """How many requests were made, one per series."""
        return len(self.found) + len(self.failures) + len(self.foreign)

    @property
    def weight(self) -> int:
        """Request weight of these requests."""
        return self.requests * VENUE.rest.page_weight


async def fetch_first_candles(
    warehouse: Warehouse, source: CandleSource, requested: Collection[Series]
) -> FirstCandles:
    """Fetches the first candle of every series whose first candle is not stored.

    Stores nothing.

    Raises:
        RateLimited: when the exchange's gate is closed.
    """
    timeframes = sorted({series.timeframe for series in requested}, key=str)
    symbols = sorted({series.symbol for series in requested})
    known = await warehouse.read_in_thread(_select_first_open_times, timeframes, symbols)
    answers = FirstCandles()
    gate = asyncio.Semaphore(CONCURRENT_REQUESTS)

    async def ask(series: Series) -> None:
        async with gate:
            try:
                answers.found[series] = await source.fetch_first_open_time(series)
            except RateLimited:
                raise
            except UnknownSymbol:
                answers.unknown.add(series)
                answers.failures[series] = "the exchange does not know this symbol"
            except ExchangeError as error:
                answers.failures[series] = str(error)

    await run_together(*(ask(series) for series in requested if known.get(series) is None))
    return answers


async def fetch_and_store_first_candles(
    warehouse: Warehouse, source: CandleSource, requested: Collection[Series]
) -> FirstCandles:
    """As `fetch_first_candles`, and stores the open times that were found."""
    answers = await fetch_first_candles(warehouse, source, requested)
    await warehouse.in_thread(_save, answers.found)
    return answers


def _select_first_open_times(
    connection: Connection, timeframes: Sequence[Timeframe], symbols: Sequence[str]
) -> dict[Series, datetime | None]:
    rows = select_series(connection, timeframes, symbols)
    return {series: row.first_open_time for series, row in rows.items()}


def _save(warehouse: Warehouse, found: Mapping[Series, datetime | None]) -> None:
    if found:
        with warehouse.write() as connection:
            upsert_first_open_times(connection, found)
