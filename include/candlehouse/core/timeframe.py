"""Timeframes and their slots.

A timeframe's slots tile the time line from the epoch on: slot n is
[n * length, (n + 1) * length). Every timeframe here divides a UTC day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum

from candlehouse.core.errors import ConfigurationError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


class Timeframe(Enum):
    """A candle's length, named as in the exchange's API; months (`1M`) are not supported."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    # Members are the same objects everywhere, and Enum's own hash is written in Python:
    # series are looked up for each of tens of thousands of messages a second.
    __hash__ = object.__hash__

    @property
    def length(self) -> timedelta:
        """How long one candle lasts."""
        return _LENGTHS[self]

    @property
    def length_ms(self) -> int:
        """How long one candle lasts, in milliseconds."""
        return int(self.length / timedelta(milliseconds=1))

    @property
    def slots_per_day(self) -> int:
        """How many slots a UTC day has."""
        return DAY // self.length

    def floor(self, moment: datetime) -> datetime:
        """Start of the slot that `moment` falls in."""
        return EPOCH + (moment - EPOCH) // self.length * self.length

    def ceil(self, moment: datetime) -> datetime:
        """The first slot start at or after `moment`."""
        return EPOCH - (EPOCH - moment) // self.length * self.length

    def __str__(self) -> str:
        return self.value


_LENGTHS = {
    Timeframe.M1: timedelta(minutes=1),
    Timeframe.M5: timedelta(minutes=5),
    Timeframe.M15: timedelta(minutes=15),
    Timeframe.M30: timedelta(minutes=30),
    Timeframe.H1: timedelta(hours=1),
    Timeframe.H4: timedelta(hours=4),
    Timeframe.D1: timedelta(days=1),
}


def parse_timeframe(text: str) -> Timeframe:
    """The timeframe that `text` names; case-sensitive.

    Raises:
        ConfigurationError: for an unknown name; the message lists the supported timeframes.
    """
    try:
        return Timeframe(text)
    except ValueError:
        allowed = ", ".join(t.value for t in Timeframe)
        raise ConfigurationError(f"unknown timeframe {text!r}: one of {allowed}") from None


def parse_timeframes(texts: Iterable[str]) -> tuple[Timeframe, ...]:
    """Distinct timeframes in the order of their first mention.

    Raises:
        ConfigurationError: for an unknown name.
    """
    return tuple(dict.fromkeys(parse_timeframe(text) for text in texts))


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC moment of `milliseconds` since the epoch, exactly."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def midnight(day: date) -> datetime:
    """The first moment of a UTC day, as an aware datetime."""
    return datetime.combine(day, time(), UTC)
