"""Calendar months in UTC, each named by its first moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta


def month_of(moment: datetime) -> datetime:
    """The month that `moment` falls in."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(month: datetime) -> datetime:
    """The month that follows."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def month_before(month: datetime) -> datetime:
    """The month that comes before."""
    return month_of(month - timedelta(days=1))


def months_from(first: datetime, end: datetime) -> Iterator[datetime]:
    """The months from `first` on that begin before `end`, ascending."""
    while first < end:
        yield first
        first = month_after(first)
