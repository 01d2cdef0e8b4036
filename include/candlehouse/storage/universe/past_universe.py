"""Past months of the universe, and the volumes that they are ranked by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe, midnight
from candlehouse.core.universe.instruments import TRADING
from candlehouse.core.universe.past_universe import BACKFILLED, MonthVolume
from candlehouse.storage.database.arrays import format_array
from candlehouse.storage.database.queries import load_queries
from candlehouse.storage.universe.catalog import Snapshot, add_members, lock_universe

_SQL = load_queries(__file__)
_SOURCE = {"backfilled": BACKFILLED}


def insert_volumes(connection: Connection, volumes: Sequence[MonthVolume]) -> None:
    """Keeps what was asked; what is there already stays.

    Args:
        connection: in a transaction.
        volumes: at most one of a pair and month.
    """
    columns: dict[str, list[object]] = {
        "symbols": [one.symbol for one in volumes],
        "months": [one.month.date() for one in volumes],
        "quote_volumes": [one.quote_volume for one in volumes],
        "days": [one.days for one in volumes],
        "last_days": [None if one.last_day is None else one.last_day.date() for one in volumes],
    }
    values = {name: format_array(column) for name, column in columns.items()}
    connection.execute(_SQL("insert_volumes"), values)


def select_known(
    connection: Connection, first: datetime, last: datetime
) -> set[tuple[str, datetime]]:
    """Pairs and months, from `first` to `last` inclusive, that were asked about."""
    bounds = {"first": first.date(), "last": last.date()}
    return {
        (row.symbol, midnight(row.month))
        for row in connection.execute(_SQL("select_known"), bounds)
    }


def select_volumes(connection: Connection, month: datetime) -> dict[str, MonthVolume]:
    """What was traded in a month, of the pairs that were, by symbol."""
    rows = connection.execute(_SQL("select_volumes"), {"month": month.date()})
    return {
        row.symbol: MonthVolume(
            row.symbol, midnight(row.month), row.quote_volume, row.days, _moment(row.last_day)
        )
        for row in rows
    }


def select_first_live(connection: Connection) -> datetime | None:
    """The moment of the first snapshot that was taken live."""
    found: datetime | None = connection.execute(_SQL("select_first_live"), _SOURCE).scalar_one()
    return found


def select_made(connection: Connection) -> set[datetime]:
    """The months that have a snapshot made afterwards."""
    return set(connection.execute(_SQL("select_made"), _SOURCE).scalars())


def select_members_made(connection: Connection, month: datetime) -> set[str]:
    """Members of a month's snapshot that was made afterwards; none where there is none."""
    values = {**_SOURCE, "as_of": month}
    return set(connection.execute(_SQL("select_members_made"), values).scalars())


def insert_past_snapshot(connection: Connection, snapshot: Snapshot) -> bool:
    """Adds the snapshot of a past month, unless one is there or was taken live before it.

    Args:
        connection: in a transaction.
        snapshot: its moment is the first of a month.

    Returns:
        Whether it was added.
    """
    lock_universe(connection)
    values = {**_SOURCE, "as_of": snapshot.as_of}
    if not connection.execute(_SQL("is_free"), values).scalar_one():
        return False
    add_members(connection, snapshot)
    return True


def select_unlearnt(connection: Connection, timeframes: Sequence[Timeframe]) -> list[Series]:
    """Series of members that do not trade any more, whose first candle is not known."""
    values = {"timeframes": [timeframe.value for timeframe in timeframes], "trading": TRADING}
    rows = connection.execute(_SQL("select_unlearnt"), values)
    return [Series(row.symbol, Timeframe(row.timeframe)) for row in rows]


def select_departed(
    connection: Connection, symbols: Sequence[str], timeframes: Sequence[Timeframe]
) -> list[Series]:
    """Series that are wanted without an end although their pair does not trade any more."""
    values = {
        "symbols": list(symbols),
        "timeframes": [timeframe.value for timeframe in timeframes],
        "trading": TRADING,
    }
    rows = connection.execute(_SQL("select_departed"), values)
    return [Series(row.symbol, Timeframe(row.timeframe)) for row in rows]


def _moment(day: date | None) -> datetime | None:
    return None if day is None else midnight(day)
