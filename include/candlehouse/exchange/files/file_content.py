"""The content of a candle file, and what holds for every file however it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from candlehouse.core.candles.pages import Page
from candlehouse.core.importing.spacing import describe_length, find_spacing
from candlehouse.core.model import Series, Span

_PageT = TypeVar("_PageT", bound=Page, covariant=True)


@dataclass(frozen=True, slots=True)
class Content(Generic[_PageT]):
    """The content of a file.

    Attributes:
        page: its span reaches from the slot of the first candle to the end of the last.
        left_out: names of columns that are not stored.
        problem: why the first refused row was not understood; None without refused rows.
    """

    page: _PageT
    left_out: tuple[str, ...] = ()
    problem: str | None = None


def find_span(series: Series, first: datetime, last: datetime) -> Span:
    """From the slot of the first open time to the end of the slot of the last."""
    floor = series.timeframe.floor
    return Span(floor(first), floor(last) + series.timeframe.length)


def require_spacing(opens_ms: Sequence[int], series: Series) -> None:
    """Checks that the distance between the candles matches their timeframe.

    Args:
        opens_ms: open times in milliseconds, ascending.
        series: of the candles.

    Raises:
        ValueError: when the distance is that of another timeframe.
    """
    spacing = find_spacing(opens_ms)
    if spacing is not None and spacing != series.timeframe.length_ms:
        found = describe_length(spacing)
        raise ValueError(f"its candles are {found} apart, which does not match {series.timeframe}")
