"""When rows exist: listings, delistings, exchange outages and holes in one symbol.

Every span is half-open, in epoch milliseconds, on whole minutes, and follows from the seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from exchange_sim.klines.intervals import DAY_MS, MINUTE_MS
from exchange_sim.market.hashing import draw, key_of
from exchange_sim.market.spec import SymbolSpec

# One outage in each stretch of 28 days, so that any 60 days hold at least one.
OUTAGE_PERIOD_MS = 28 * DAY_MS
HOLE_PERIOD_MS = 60 * DAY_MS
# The two symbols that lose rows while all others keep theirs.
HOLED_SYMBOLS = ("LINKUSDT", "AVAXUSDT")


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time ``[start_ms, end_ms)``."""

    start_ms: int
    end_ms: int

    def overlaps(self, start_ms: int, end_ms: int) -> bool:
        """Return whether any instant of ``[start_ms, end_ms)`` lies in this span."""
        return self.start_ms < end_ms and start_ms < self.end_ms


@dataclass(frozen=True, slots=True)
class Listing:
    """The life of a market: ``[listed_ms, delisted_ms)``, open-ended where None."""

    listed_ms: int
    delisted_ms: int | None


@lru_cache(maxsize=4096)
def outage_in_period(seed: int, period: int) -> Span:
    """Return the one exchange-wide outage of a 28-day period (10 minutes to 4 hours)."""
    key = key_of(seed, "outage")
    place, length = draw(key, 2 * period), draw(key, 2 * period + 1)
    base = period * OUTAGE_PERIOD_MS
    if length & 3 == 0:
        # A quarter are planned maintenance: whole hours, so that 1h rows vanish cleanly.
        hours = 1 + (length >> 8) % 4
        start = place % (28 * 24 - 4) * 60
        return Span(base + start * MINUTE_MS, base + (start + hours * 60) * MINUTE_MS)
    minutes = 10 + (length >> 8) % 231
    start = place % (28 * 1440 - 240)
    return Span(base + start * MINUTE_MS, base + (start + minutes) * MINUTE_MS)


@lru_cache(maxsize=4096)
def hole_in_period(seed: int, symbol: str, period: int) -> Span:
    """Return the one hole (15 to 90 minutes) of a holed symbol in a 60-day period."""
    key = key_of(seed, "hole", symbol)
    minutes = 15 + draw(key, 2 * period) % 76
    start = draw(key, 2 * period + 1) % (60 * 1440 - 90)
    base = period * HOLE_PERIOD_MS
    return Span(base + start * MINUTE_MS, base + (start + minutes) * MINUTE_MS)


def outages(seed: int, start_ms: int, end_ms: int) -> list[Span]:
    """Return the outages that overlap ``[start_ms, end_ms)``, ascending and uncut."""
    first, last = start_ms // OUTAGE_PERIOD_MS, (end_ms - 1) // OUTAGE_PERIOD_MS
    spans = (outage_in_period(seed, period) for period in range(first, last + 1))
    return [span for span in spans if span.overlaps(start_ms, end_ms)]


def holes(seed: int, symbol: str, start_ms: int, end_ms: int) -> list[Span]:
    """Return the holes of one symbol that overlap ``[start_ms, end_ms)``, ascending and uncut."""
    if symbol not in HOLED_SYMBOLS:
        return []
    first, last = start_ms // HOLE_PERIOD_MS, (end_ms - 1) // HOLE_PERIOD_MS
    spans = (hole_in_period(seed, symbol, period) for period in range(first, last + 1))
    return [span for span in spans if span.overlaps(start_ms, end_ms)]


def absences(seed: int, spec: SymbolSpec, start_ms: int, end_ms: int) -> Iterator[Span]:
    """Yield every span inside ``[start_ms, end_ms)`` in which the symbol has no rows.

    Spans may overlap each other and reach beyond the bounds.
    """
    if spec.listed_ms > start_ms:
        yield Span(start_ms, spec.listed_ms)
    if spec.delisted_ms is not None and spec.delisted_ms < end_ms:
        yield Span(spec.delisted_ms, end_ms)
    yield from outages(seed, start_ms, end_ms)
    yield from holes(seed, spec.symbol, start_ms, end_ms)
