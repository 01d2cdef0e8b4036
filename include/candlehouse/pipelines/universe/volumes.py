"""Asks what was traded of each pair in past months: daily candles, of which sums are kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from candlehouse.core.candles.pages import Page
from candlehouse.core.errors import ExchangeError, FileMissing, RateLimited, UnknownSymbol
from candlehouse.core.model import Series, Span
from candlehouse.core.months import month_after
from candlehouse.core.planning.published_files import ArchiveFile, Tree
from candlehouse.core.ports import CandleArchive, CandleSource
from candlehouse.core.task_groups import run_together
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.past_universe import sum_months
from candlehouse.pipelines.fetching.paging import fetch_pages
from candlehouse.pipelines.fetching.rest_fetching import CONCURRENT_REQUESTS
from candlehouse.storage.universe.past_universe import insert_volumes
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class VolumeReport:
    """What became of asking.

    Attributes:
        failures: why, for each pair that could not be asked.
        unknown: symbols that the exchange does not know any more.
    """

    failures: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)


def count_pages(months: Sequence[datetime], page_slots: int) -> int:
    """How many pages of daily candles reach over the months, ascending, of one pair."""
    days = (month_after(months[-1]) - months[0]).days
    return -(-days // page_slots)


async def fetch_volumes(
    warehouse: Warehouse,
    source: CandleSource,
    archive: CandleArchive | None,
    unasked: Mapping[str, Sequence[datetime]],
    page_slots: int,
) -> VolumeReport:
    """Asks for the months of each pair, and keeps what was traded in them.

    Args:
        warehouse: to read from and to write to.
        source: of candles.
        archive: asked about pairs that the source does not know; None for not at all.
        unasked: months of each symbol, ascending; all of them are over.
        page_slots: candles a page, at most 1000.

    Raises:
        RateLimited: the exchange's gate stays closed; what came until then is kept.
    """
    report = VolumeReport()
    todo = iter(sorted(unasked.items()))

    async def ask_on() -> None:
        for symbol, months in todo:
            try:
                days = await _fetch_days(source, archive, symbol, months, page_slots, report)
            except RateLimited:
                raise
            except ExchangeError as error:
                _log.warning("%s: its volume cannot be asked: %s", symbol, error)
                report.failures[symbol] = str(error)
                continue
            await warehouse.write_in_thread(_save, symbol, months, days)

    await run_together(*(ask_on() for _ in range(CONCURRENT_REQUESTS)))
    return report


async def _fetch_days(
    source: CandleSource,
    archive: CandleArchive | None,
    symbol: str,
    months: Sequence[datetime],
    page_slots: int,
    report: VolumeReport,
) -> list[tuple[datetime, Decimal]]:
    series = Series(symbol, Timeframe.D1)
    span = Span(months[0], month_after(months[-1]))
    pages: Sequence[Page]
    try:
        pages = [page async for page in fetch_pages(source, series, span, page_slots)]
    except UnknownSymbol:
        report.unknown.add(symbol)
        pages = await _fetch_files(archive, series, months) if archive else []
    return [day for page in pages for day in _read_volumes(page)]


def _read_volumes(page: Page) -> Iterator[tuple[datetime, Decimal]]:
    """Open time and quote volume of each candle, as they were sent."""
    volumes = map(Decimal, page.rows.column("quote_volume"))
    return zip(page.rows.open_times(), volumes, strict=True)


async def _fetch_files(
    archive: CandleArchive, series: Series, months: Sequence[datetime]
) -> list[Page]:
    pages = []
    for month in months:
        file = ArchiveFile(series, Tree.MONTHLY, month)
        try:
            pages.append((await archive.fetch_file(file, file.span)).page)
        except FileMissing:
            continue
    return pages


def _save(
    connection: Connection,
    symbol: str,
    months: Sequence[datetime],
    days: Sequence[tuple[datetime, Decimal]],
) -> None:
    insert_volumes(connection, sum_months(symbol, months, days))
