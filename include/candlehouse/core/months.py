"""Calendar months in UTC; a month is represented by its first moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta


def month_of(moment: datetime) -> datetime:
    """The first moment of the month that `moment` is in."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(month: datetime) -> datetime:
    """The first moment of the next month; `month` must be the first moment of a month."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def month_before(month: datetime) -> datetime:
    """The first moment of the previous month."""
    return month_of(month - timedelta(days=1))


def months_from(first: datetime, end: datetime) -> Iterator[datetime]:
    """The months from `first` (inclusive) that begin before `end` (exclusive), ascending."""
    while first < end:
        yield first
        first = month_after(first)
