"""The basic types: series, ranges, gaps. All are immutable, and all times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from candlehouse.core.timeframe import Timeframe


class Series(NamedTuple):
    """One symbol in one timeframe. Locks are taken in the order of the text, `SYMBOL timeframe`."""

    symbol: str
    timeframe: Timeframe

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe}"


class Span(NamedTuple):
    """A half-open range of time, [start, end)."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"[{self.start:%Y-%m-%dT%H:%M}, {self.end:%Y-%m-%dT%H:%M})"


class Verdict(Enum):
    """Why a candle that was asked for is missing."""

    PENDING = "pending"
    EXCHANGE_OUTAGE = "exchange_outage"
    NOT_LISTED = "not_listed"
    NOT_TRADING = "not_trading"
    DELISTED = "delisted"
    NO_DATA = "no_data"


class Source(Enum):
    """Where a candle came from, as stored in `candles.source`."""

    STREAM = "stream"
    REST = "rest"
    ARCHIVE = "archive"


class Excuse(Enum):
    """Why a candle may lose trades or volume to a source of equal rank.

    Without an excuse it may not: the candle with fewer trades was seen before it was complete.
    """

    # A reconciliation compared the candle with the source's present values.
    RECONCILED = "reconciled"
    # The exchange replaced a published file that had been loaded.
    REPLACED_FILE = "replaced_file"


@dataclass(frozen=True, slots=True)
class Gap:
    """A range of slots without candles, and what is known about it.

    Attributes:
        span: half-open, on the slot grid.
        evidence: JSON-compatible facts on which the verdict rests.
        next_check_at: exchange time from which the gap is checked again, None for never.
    """

    span: Span
    verdict: Verdict
    evidence: Mapping[str, object] = field(default_factory=dict)
    next_check_at: datetime | None = None
