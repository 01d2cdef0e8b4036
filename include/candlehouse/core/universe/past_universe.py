"""The universe of past months, ranked by the quote volume of the month before each.

Past market capitalisations are not freely available; traded volumes are, also of pairs that
have ended. The members of a month follow only from what was known at its start.
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

# The `source` of snapshots that were made afterwards.
BACKFILLED = "volume_backfill"

# A pair whose last daily candle is older than this at the end of a month has ended.
_STILL_THERE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class MonthVolume:
    """The traded volume of a pair in a calendar month, from its daily candles.

    Attributes:
        month: its first moment, UTC.
        quote_volume: exact sum, in the quote asset.
        days: number of daily candles; 0 for a pair that did not trade in the month.
        last_day: open time of the last daily candle, None when there was no candle.
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
    """The volume of one pair in each of the months, in their order.

    Args:
        symbol: of the pair.
        months: all months that the exchange was asked about.
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
    """The months that need a snapshot, ascending.

    Args:
        first: any moment of the first month.
        last: any moment of the last month (inclusive).
        now: exchange time; a month is due when the month before it is over.
        made: months that already have a snapshot.

    Raises:
        ConfigurationError: when the first month comes after the last.
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
    """The members of the universe from the first moment of a month on, by rank.

    Args:
        candidates: eligible pairs.
        volumes: of the month before, by symbol.
        current: symbols of the members until then; each stays until its rank passes 1.2 `top_n`.
        top_n: number of members besides those that are always in.
    """
    traded = [
        one for one in candidates if one.symbol in volumes and volumes[one.symbol].outlives_month
    ]
    sizes = {one.symbol: Size(volumes[one.symbol].quote_volume) for one in traded}
    return select_members(rank_members(traded, sizes), current, sizes, top_n)


def find_unasked(
    symbols: Iterable[str], months: Sequence[datetime], known: Collection[tuple[str, datetime]]
) -> dict[str, list[datetime]]:
    """Per symbol the months that were not asked about yet; without symbols that lack no month."""
    missing = {
        symbol: [month for month in months if (symbol, month) not in known] for symbol in symbols
    }
    return {symbol: found for symbol, found in missing.items() if found}
