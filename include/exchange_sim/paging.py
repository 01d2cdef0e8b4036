"""Cutting a page of klines out of encoded blocks, by Binance's rules for bounds and limits."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exchange_sim.encode import Block

# In a row only the open time follows a bracket, and only the close time, of all numbers between
# two texts, has thirteen digits: the other is a count of trades.
_OPEN_TIME = re.compile(rb"\[(\d+),")
_CLOSE_TIME = re.compile(rb'",(\d{13}),"')
MAX_LIMIT = 1000
DEFAULT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Query:
    """A klines request after its parameters were read.

    Attributes:
        start_ms, end_ms: inclusive bounds on open_time; None where not sent.
        limit: most rows wanted, 1..1000.
    """

    symbol: str
    interval: str
    start_ms: int | None
    end_ms: int | None
    limit: int

    @property
    def newest_first(self) -> bool:
        """Whether the limit cuts away the oldest rows: no start was sent."""
        return self.start_ms is None


def cut_page(
    blocks: Iterable[Block], start_ms: int, end_ms: int, limit: int, newest_first: bool
) -> tuple[list[bytes], int]:
    """Take up to ``limit`` rows with ``start_ms <= open_time <= end_ms`` from blocks.

    Args:
        blocks: ascending by time, or descending if ``newest_first``; read no further than needed.
        start_ms: inclusive.
        end_ms: inclusive.
        limit: at least 0.
        newest_first: whether to keep the most recent rows rather than the oldest.

    Returns:
        The rows as JSON fragments, ascending, and their number.
    """
    parts: list[bytes] = []
    left = limit
    for block in blocks:
        if left <= 0:
            break
        first = int(block.times.searchsorted(start_ms, "left"))
        last = int(block.times.searchsorted(end_ms, "right"))
        if newest_first:
            first = max(first, last - left)
        else:
            last = min(last, first + left)
        if first < last:
            parts.append(block.slice(first, last))
            left -= last - first
    if newest_first:
        parts.reverse()
    return parts, limit - left


def in_microseconds(page: bytes) -> bytes:
    """Return rows with open and close times in microseconds, closes ending in 999999."""
    return _CLOSE_TIME.sub(rb'",\g<1>999,"', _OPEN_TIME.sub(rb"[\g<1>000,", page))
