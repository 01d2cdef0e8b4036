"""The nouns: series, ranges, gaps, fetches. All immutable, all times aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from candlehouse.core.timeframe import Timeframe


class Series(NamedTuple):
    """One symbol in one timeframe. Sort by its text: that is the order of locking."""

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
    """Why a candle that was asked for is not there."""

    PENDING = "pending"
    EXCHANGE_OUTAGE = "exchange_outage"
    NOT_LISTED = "not_listed"
    NOT_TRADING = "not_trading"
    DELISTED = "delisted"
    NO_DATA = "no_data"


class Source(Enum):
    """Where a candle came from."""

    STREAM = "stream"
    REST = "rest"
    ARCHIVE = "archive"


class Excuse(Enum):
    """Why a candle may lose trades or volume to a source that ranks as high as its own.

    Without one it may not: the one with fewer was seen before it was complete.
    """

    # Somebody asked what each source says now.
    RECONCILED = "reconciled"
    # The exchange published another file in the place of one that was loaded.
    REPLACED_FILE = "replaced_file"


@dataclass(frozen=True, slots=True)
class Gap:
    """A range of slots without candles, and what is known of it.

    Attributes:
        span: half-open, on the slot grid.
        evidence: what was asked and what came back.
        next_check_at: exchange time from which the verdict is asked again.
    """

    span: Span
    verdict: Verdict
    evidence: Mapping[str, object] = field(default_factory=dict)
    next_check_at: datetime | None = None
