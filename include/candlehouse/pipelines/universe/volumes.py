"""Fetches the monthly quote volumes of pairs: sums of daily candles, stored per month."""

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
    """What fetching volumes did.

    Attributes:
        failures: the reason for each symbol whose volumes could not be fetched.
        unknown: symbols that the exchange no longer knows.
    """

    failures: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)


def count_pages(months: Sequence[datetime], page_slots: int) -> int:
    """How many pages of daily candles cover the months of one pair.

    Args:
        months: first moments of months, ascending; never empty.
        page_slots: candles per page, 1 to 1000.
    """
    days = (month_after(months[-1]) - months[0]).days
    return -(-days // page_slots)


async def fetch_volumes(
    warehouse: Warehouse,
    source: CandleSource,
    archive: CandleArchive | None,
    unasked: Mapping[str, Sequence[datetime]],
    page_slots: int,
) -> VolumeReport:
    """Fetches daily candles of each pair, and stores their quote volumes per month.

    Args:
        warehouse: to read from and to write to.
        source: the REST client.
        archive: used for symbols that REST does not know; None to use REST alone.
        unasked: months of each symbol, as first moments, ascending; all of them are over.
        page_slots: candles per page, at most 1000.

    Raises:
        RateLimited: when the exchange's gate is closed; volumes fetched until then are stored.
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
                _log.warning("the volume of %s cannot be fetched: %s", symbol, error)
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
    """Open time and quote volume of each candle, in the order of the page."""
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
