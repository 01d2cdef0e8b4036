"""Finds in published files when pairs that REST no longer knows began and stopped trading."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from candlehouse.core.errors import ExchangeError, FileMissing
from candlehouse.core.model import Series
from candlehouse.core.months import months_from
from candlehouse.core.planning.published_files import ArchiveFile, Tree
from candlehouse.core.ports import CandleArchive
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.storage.candles.page_writer import lock_series
from candlehouse.storage.completeness.series import end_series, upsert_first_open_times, want_series
from candlehouse.storage.universe.past_universe import select_without_first_candle
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


async def find_lives_in_files(warehouse: Warehouse, archive: CandleArchive, now: datetime) -> None:
    """Sets the wanted range of members that REST no longer knows, from first to last candle.

    Monthly files are searched from the exchange's first month on; those of the first and the
    last month have the first and the last candle. A symbol whose files cannot be read now is
    left to the next run, and logged.

    Args:
        warehouse: whose settings have TIMEFRAMES and COLLECTION_START_DATE.
        archive: with the published files.
        now: the exchange's time.
    """
    series = await warehouse.in_thread(_select)
    for symbol in sorted({one.symbol for one in series}):
        mine = [one for one in series if one.symbol == symbol]
        try:
            months = await _find_months(archive, symbol, now)
            lives = [(one, await _find_life(archive, one, months)) for one in mine if months]
        except ExchangeError as error:
            _log.warning("the published files of %s cannot be read now: %s", symbol, error)
            continue
        for one, life in lives:
            await warehouse.in_thread(_save, one, *life)


async def _find_months(archive: CandleArchive, symbol: str, now: datetime) -> list[datetime]:
    """The first days of the months that have a file of daily candles, ascending."""
    days = Series(symbol, Timeframe.D1)
    found = []
    for month in months_from(VENUE.archive.first_month, now):
        try:
            await archive.fetch_checksum(ArchiveFile(days, Tree.MONTHLY, month))
        except FileMissing:
            continue
        found.append(month)
    return found


async def _find_life(
    archive: CandleArchive, series: Series, months: Sequence[datetime]
) -> tuple[datetime, datetime]:
    """Open times of the first and the last candle."""
    opens = []
    for month in (months[0], months[-1]):
        file = ArchiveFile(series, Tree.MONTHLY, month)
        opens += (await archive.fetch_file(file, file.span)).page.rows.open_times()
    if not opens:
        raise FileMissing(f"the published files of {series} have no candle")
    return opens[0], opens[-1]


def _select(warehouse: Warehouse) -> list[Series]:
    with warehouse.read() as connection:
        return select_without_first_candle(connection, warehouse.settings.timeframes)


def _save(warehouse: Warehouse, series: Series, first: datetime, last: datetime) -> None:
    timeframe = series.timeframe
    with warehouse.write() as connection:
        lock_series(connection, [series])
        upsert_first_open_times(connection, {series: first})
        want_series(connection, [series.symbol], [timeframe], warehouse.settings.collection_start)
        end_series(connection, series, timeframe.floor(last) + timeframe.length)
