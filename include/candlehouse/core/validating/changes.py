"""Finds the days to validate again after candles of a series have changed."""

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
    """Days of changed candles, and of later candles whose result depends on them.

    Whether a candle is a price jump depends on the `JUMP_REACH` slots before it, so a change late
    in a day affects the next day, and for daily candles the following weeks.

    Args:
        timeframe: of all the candles.
        changed: per symbol and UTC day the open time of the last changed candle.
        known: days to leave out, because they are due anyway.

    Returns:
        Ranges of days per symbol, both ends inclusive, disjoint and not adjacent.
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
