"""Snapshots of past months, and the volumes by which they are ranked."""

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
    """Stores monthly volumes; existing rows are kept.

    Args:
        connection: in a transaction.
        volumes: at most one per pair and month.
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
    """The volumes of a month by symbol, of the pairs that traded in it."""
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


def select_backfilled_months(connection: Connection) -> set[datetime]:
    """The months with a snapshot that was made afterwards."""
    return set(connection.execute(_SQL("select_backfilled_months"), _SOURCE).scalars())


def select_backfilled_members(connection: Connection, month: datetime) -> set[str]:
    """Members of a month's snapshot that was made afterwards; empty where there is none."""
    values = {**_SOURCE, "as_of": month}
    return set(connection.execute(_SQL("select_backfilled_members"), values).scalars())


def insert_past_snapshot(connection: Connection, snapshot: Snapshot) -> bool:
    """Adds the snapshot of a past month, unless there is one or an earlier one was taken live.

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


def select_without_first_candle(
    connection: Connection, timeframes: Sequence[Timeframe]
) -> list[Series]:
    """Series of members that no longer trade and whose first candle is unknown."""
    values = {"timeframes": [timeframe.value for timeframe in timeframes], "trading": TRADING}
    rows = connection.execute(_SQL("select_without_first_candle"), values)
    return [Series(row.symbol, Timeframe(row.timeframe)) for row in rows]


def select_departed(
    connection: Connection, symbols: Sequence[str], timeframes: Sequence[Timeframe]
) -> list[Series]:
    """Series that are wanted without an end although their pair no longer trades."""
    values = {
        "symbols": list(symbols),
        "timeframes": [timeframe.value for timeframe in timeframes],
        "trading": TRADING,
    }
    rows = connection.execute(_SQL("select_departed"), values)
    return [Series(row.symbol, Timeframe(row.timeframe)) for row in rows]


def _moment(day: date | None) -> datetime | None:
    return None if day is None else midnight(day)
