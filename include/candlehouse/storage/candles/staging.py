"""The staging table: loads pages by COPY, and counts their rows per day."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from sqlalchemy import Connection

from candlehouse.core.candles.candle_rows import COLUMNS, CandleRows
from candlehouse.core.candles.pages import CheckedPage, PublishedPage
from candlehouse.core.candles.published_rows import PUBLISHED_COLUMNS
from candlehouse.core.errors import RowsRefused, UnfitRows
from candlehouse.core.timeframe import DAY, EPOCH, Timeframe, from_ms, midnight
from candlehouse.core.validating.changes import DayKey, find_affected_days
from candlehouse.storage.database.engine import driver_errors
from candlehouse.storage.database.queries import load_queries

if TYPE_CHECKING:
    import psycopg2.extensions

_SQL = load_queries(__file__)

# Times are staged as received, in milliseconds or microseconds.
_NAMES_IN_STAGING = {"open_time": "open_raw", "close_time": "close_raw"}
# Bytes per read by COPY; the default of 8 KiB would cost too many calls.
_CHUNK = 1 << 20


class StagedDay(NamedTuple):
    """The staged rows of one symbol on one UTC day.

    Attributes:
        first_open_time: open time of the first row.
        last_open_time: open time of the last row (inclusive).
        off_grid: whether any row opens inside a slot instead of at its start.
        impossible: whether any row has values that an exchange cannot mean.
    """

    symbol: str
    day: date
    candles: int
    first_open_time: datetime
    last_open_time: datetime
    off_grid: bool
    impossible: bool = False

    def with_more(self, other: StagedDay) -> StagedDay:
        """The day combined with the rows of another page."""
        return self._replace(
            candles=self.candles + other.candles,
            first_open_time=min(self.first_open_time, other.first_open_time),
            last_open_time=max(self.last_open_time, other.last_open_time),
            off_grid=self.off_grid or other.off_grid,
        )


def copy_checked(connection: Connection, pages: Sequence[CheckedPage]) -> None:
    """Fills the staging table with the rows of the pages, replacing its content.

    Args:
        connection: in a transaction.
        pages: of any symbols.
    """
    lines = io.StringIO(CandleRows.join(page.rows for page in pages).text)
    with _staging_cursor(connection) as cursor:
        cursor.copy_expert(_copy("copy_lines", COLUMNS), lines, _CHUNK)


def copy_published(connection: Connection, pages: Sequence[PublishedPage]) -> None:
    """Copies the lines of the pages to a table of their own, until they are compared.

    Args:
        connection: in a transaction.
        pages: of one symbol.

    Raises:
        UnfitRows: when some of the lines cannot be candles.
    """
    values = {"length_ms": pages[0].series.timeframe.length_ms}
    texts = _Texts(page.rows.text for page in pages)
    statement = _copy("copy_csv", PUBLISHED_COLUMNS)
    with _staging_cursor(connection) as cursor:
        cursor.copy_expert(cursor.mogrify(statement, values), texts)
        copied = cursor.rowcount
    left_out = sum(page.count for page in pages) - copied
    if left_out:
        raise UnfitRows(f"{pages[0].series}: {left_out} rows of its files cannot be candles")


@contextmanager
def _staging_cursor(connection: Connection) -> Iterator[psycopg2.extensions.cursor]:
    """The driver's own cursor, since SQLAlchemy does not know COPY; staging is empty."""
    connection.execute(_SQL("create_staging"))
    with driver_errors(connection.engine):
        cursor = cast("psycopg2.extensions.cursor", connection.connection.cursor())
        yield cursor
        cursor.close()


@cache
def _copy(name: str, columns: tuple[str, ...]) -> str:
    """The COPY statement with the columns in the order of the lines."""
    names = ", ".join([_NAMES_IN_STAGING.get(column, column) for column in columns])
    return _SQL.sql(name).replace("{columns}", names)


class _Texts(io.BufferedIOBase):
    """The file object that COPY reads; each read returns one whole text, ignoring the size.

    Joining and splitting the texts would copy each byte twice more.
    """

    def __init__(self, texts: Iterable[bytes]) -> None:
        super().__init__()
        self._left = iter(texts)

    def read(self, _: int | None = -1, /) -> bytes:
        return next(self._left, b"")


def list_days(pages: Iterable[PublishedPage]) -> list[StagedDay]:
    """The days of pages of files, as counted when they were read; unordered."""
    found: dict[DayKey, StagedDay] = {}
    for page in pages:
        for day in page.rows.days:
            staged = StagedDay(page.series.symbol, *day)
            key = (staged.symbol, staged.day)
            found[key] = found[key].with_more(staged) if key in found else staged
    return list(found.values())


def count_staged(connection: Connection, bounds: Mapping[str, object]) -> list[StagedDay]:
    """The days of the staging table; unordered."""
    rows = connection.execute(_SQL("survey_staging"), bounds)
    return [
        StagedDay(
            row.symbol,
            (EPOCH + row.day * DAY).date(),
            row.candles,
            from_ms(row.first_open_ms),
            from_ms(row.last_open_ms),
            row.off_grid,
            # NULL where the source does not have the columns.
            bool(row.impossible),
        )
        for row in rows
    ]


def select_days_held(
    connection: Connection, timeframe: Timeframe, days: Collection[StagedDay]
) -> frozenset[DayKey]:
    """The given days of which any candle is stored."""
    keys = [(day.symbol, day.day) for day in days]
    rows = connection.execute(
        _SQL("select_days_held"), {"timeframe": timeframe.value, **_columns(keys)}
    )
    return frozenset((row.symbol, row.day) for row in rows)


def count_days(
    connection: Connection,
    timeframe: Timeframe,
    days: Collection[StagedDay],
    held: Collection[DayKey],
) -> None:
    """Updates the days' counts of slots and the state of the series.

    A day without stored candles whose rows are on the grid has one slot per row; for other days the
    candles themselves are counted.
    """
    fresh: dict[DayKey, int] = {}
    recounted: list[StagedDay] = []
    for day in days:
        key = (day.symbol, day.day)
        if key in held or day.off_grid:
            recounted.append(day)
        else:
            fresh[key] = day.candles
    common = {"timeframe": timeframe.value, "length": timeframe.length}
    if fresh:
        values = {**common, **_columns(fresh), "slots": list(fresh.values())}
        connection.execute(_SQL("count_days"), values)
    if recounted:
        keys = [(day.symbol, day.day) for day in recounted]
        first, last = min(day.day for day in recounted), max(day.day for day in recounted)
        low, high = midnight(first), midnight(last) + DAY
        values = {**common, **_columns(keys), "low": low, "high": high}
        connection.execute(_SQL("recount_days", timeframe), values)
    connection.execute(_SQL("touch_collector_state"), {**common, **_ends(days)})


def mark_changed(
    connection: Connection,
    timeframe: Timeframe,
    new: Iterable[StagedDay],
    held: Collection[DayKey],
    corrected: Mapping[str, Iterable[datetime]],
) -> None:
    """Marks the days to be validated again: those of changed candles, and days that depend on them.

    A day without candles before is marked by its first count.

    Args:
        connection: in the transaction that changes the candles.
        timeframe: of all the series.
        new: the inserted rows.
        held: days that had candles before.
        corrected: open times of the replaced candles per symbol, in UTC.
    """
    changed = {(day.symbol, day.day): day.last_open_time for day in new}
    known = changed.keys() - held
    for symbol, opens in corrected.items():
        for open_time in opens:
            key = (symbol, open_time.date())
            changed[key] = max(open_time, changed.get(key, open_time))
    ranges = find_affected_days(timeframe, changed, known)
    if ranges:
        symbols, firsts, lasts = map(list, zip(*ranges, strict=True))
        values = {"symbols": symbols, "firsts": firsts, "lasts": lasts}
        connection.execute(_SQL("mark_changed"), {"timeframe": timeframe.value, **values})


@contextmanager
def refusals_as_unfit(pages: Sequence[PublishedPage]) -> Iterator[None]:
    """Translates refusals of the database for unchecked rows into UnfitRows.

    Raises:
        UnfitRows: for text that is not a number, an impossible time, and a duplicate key.
    """
    try:
        yield
    # Python raises OverflowError for times that only the database can represent.
    except (RowsRefused, OverflowError) as error:
        if not pages:
            raise
        raise UnfitRows(f"{pages[0].series} and others: {error}") from None


def _columns(keys: Collection[DayKey]) -> dict[str, object]:
    return {"symbols": [symbol for symbol, _ in keys], "days": [day for _, day in keys]}


def _ends(days: Collection[StagedDay]) -> dict[str, object]:
    firsts: dict[str, datetime] = {}
    lasts: dict[str, datetime] = {}
    for day in days:
        symbol, first, last = day.symbol, day.first_open_time, day.last_open_time
        firsts[symbol] = min(first, firsts.get(symbol, first))
        lasts[symbol] = max(last, lasts.get(symbol, last))
    return {"symbols": list(firsts), "firsts": list(firsts.values()), "lasts": list(lasts.values())}
