"""The universe of months that are over, by what was traded in the month before each.

Market capitalisations of the past are not to be had by everyone; what was traded is, of
pairs that have ended too. Who was in on the first of a month follows from nothing that was
not known by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.months import month_after, month_of, months_from
from candlehouse.core.universe.instruments import Instrument
from candlehouse.core.universe.ranking import Member, Size, rank_members, select_members

# The source of snapshots that were made afterwards.
BACKFILLED = "volume_backfill"

# A pair whose candles end earlier than so before a month had ended by then.
_STILL_THERE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class MonthVolume:
    """What was traded of a pair in a calendar month, by its daily candles.

    Attributes:
        month: its first moment.
        quote_volume: exact sum, in the quote asset.
        days: candles that there were; 0 for a pair that did not trade then.
        last_day: of the last one, None when there was none.
    """

    symbol: str
    month: datetime
    quote_volume: Decimal
    days: int
    last_day: datetime | None

    @property
    def outlives_month(self) -> bool:
        """Whether the pair still traded when the month ended."""
        end = month_after(self.month)
        return self.last_day is not None and self.last_day >= end - _STILL_THERE


def sum_months(
    symbol: str, months: Iterable[datetime], days: Iterable[tuple[datetime, Decimal]]
) -> list[MonthVolume]:
    """One for each of the months, in their order.

    Args:
        symbol: of the pair.
        months: all that the exchange was asked about.
        days: open time and quote volume of each daily candle, ascending.
    """
    by_month: dict[datetime, list[tuple[datetime, Decimal]]] = {month: [] for month in months}
    for open_time, quote_volume in days:
        if (found := by_month.get(month_of(open_time))) is not None:
            found.append((open_time, quote_volume))
    return [
        MonthVolume(
            symbol,
            month,
            sum((volume for _, volume in found), Decimal(0)),
            len(found),
            found[-1][0] if found else None,
        )
        for month, found in by_month.items()
    ]


def choose_months(
    first: datetime, last: datetime, now: datetime, made: Collection[datetime]
) -> list[datetime]:
    """The months that snapshots are to be made for, ascending.

    Args:
        first: any moment of the first month.
        last: any moment of the last one.
        now: exchange time; a month is due when the one before it is over.
        made: months that have one.

    Raises:
        ConfigurationError: when the first comes after the last.
    """
    if month_of(first) > month_of(last):
        raise ConfigurationError(f"the month {first:%Y-%m} comes after the month {last:%Y-%m}")
    end = min(month_after(month_of(last)), now)
    return [month for month in months_from(month_of(first), end) if month not in made]


def rank_past(
    candidates: Iterable[Instrument],
    volumes: Mapping[str, MonthVolume],
    current: Collection[str],
    top_n: int,
) -> tuple[Member, ...]:
    """Who was in the universe from the first moment of a month on, by rank.

    Args:
        candidates: pairs that are of a kind to be members.
        volumes: of the month before, by symbol.
        current: members until then; each stays until its rank passes 1.2 N.
        top_n: members besides those that are always in.
    """
    traded = [
        one for one in candidates if one.symbol in volumes and volumes[one.symbol].outlives_month
    ]
    sizes = {one.symbol: Size(volumes[one.symbol].quote_volume) for one in traded}
    return select_members(rank_members(traded, sizes), current, sizes, top_n)


def find_unasked(
    symbols: Iterable[str], months: Sequence[datetime], known: Collection[tuple[str, datetime]]
) -> dict[str, list[datetime]]:
    """The months of each symbol that were not asked about yet; symbols without any left out."""
    missing = {
        symbol: [month for month in months if (symbol, month) not in known] for symbol in symbols
    }
    return {symbol: found for symbol, found in missing.items() if found}
