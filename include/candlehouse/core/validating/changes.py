"""Which days are to be looked at again after candles of a series have changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime

from candlehouse.core.rules import JUMP_REACH
from candlehouse.core.timeframe import DAY, Timeframe

DayKey = tuple[str, date]
DayRange = tuple[str, date, date]


def find_affected_days(
    timeframe: Timeframe,
    changed: Mapping[DayKey, datetime],
    known: Collection[DayKey] = (),
) -> list[DayRange]:
    """Days that changed candles are in, and those of later candles that depend on them.

    Whether a candle's price jumps is told by the slots before it (`JUMP_REACH`), so that a
    change late on a day reaches into the next one, or of daily candles into the next weeks.

    Args:
        timeframe: of all the candles.
        changed: when the last changed candle of a symbol's UTC day opens.
        known: days that are left out, for others see to them.

    Returns:
        Ranges of a symbol's days, both ends inclusive, which neither overlap nor touch.
    """
    affected: dict[str, set[date]] = defaultdict(set)
    for (symbol, day), last in changed.items():
        end = (last + JUMP_REACH * timeframe.length).date()
        while day <= end:
            if (symbol, day) not in known:
                affected[symbol].add(day)
            day += DAY
    return [found for symbol in sorted(affected) for found in _join(symbol, affected[symbol])]


def _join(symbol: str, days: Collection[date]) -> list[DayRange]:
    ranges: list[DayRange] = []
    for day in sorted(days):
        if ranges and ranges[-1][2] + DAY == day:
            ranges[-1] = (symbol, ranges[-1][1], day)
        else:
            ranges.append((symbol, day, day))
    return ranges
