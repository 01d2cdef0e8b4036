"""One-minute candles of whole UTC days, in integer ticks and lots.

A day depends on hash(seed, symbol, day) and on the two border prices, and on nothing else:
generated alone it equals the same day of a longer walk. Minutes without rows (outages, before
the listing) are generated as minutes without trades, so that prices stay continuous around
them; ``present`` says which minutes have a row.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exchange_sim.klines.columns import (
    CLOSE,
    FIELDS,
    HIGH,
    I64,
    LOTS,
    LOW,
    OPEN,
)
from exchange_sim.klines.intervals import DAY_MS, MINUTE_MS
from exchange_sim.market.hashing import draw_many, key_of
from exchange_sim.market.lives import absences
from exchange_sim.market.path import day_borders
from exchange_sim.market.spec import SymbolSpec

Mask = npt.NDArray[np.bool_]

MINUTES = 1440
# Order of the first axis of every candle array.

# Relative price moves are scaled by 2**30; one unit of a minute's draw (standard deviation 37)
# times this is about 0.04 % a minute.
_SIGMA = 11_000
_FEWEST_TRADES = 4


def _hour_shape() -> I64:
    """Return how busy each minute of a UTC day is, 64 being the middle."""
    hours = (44, 42, 44, 48, 46, 44, 46, 52, 60, 62, 60, 60,
             66, 84, 96, 92, 84, 76, 70, 66, 62, 56, 50, 46)  # fmt: skip
    return np.repeat(np.array(hours, dtype=np.int64), 60)


_HOUR_SHAPE = _hour_shape()
# Of sixteen equally likely values one makes a minute surge, one opens it a tick higher than the
# last one closed and one a tick lower.
_SURGE, _TICK_UP, _TICK_DOWN = 15, 1, 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Candles of consecutive slots.

    Attributes:
        values: shape (9, slots); fields in the order of this module's constants; prices in
            ticks, volumes in lots, quote volumes in ticks times lots.
        present: which slots have a row; None when all have.
    """

    values: I64
    present: Mask | None


def presence(seed: int, spec: SymbolSpec, day: int, days: int) -> Mask | None:
    """Return which minutes of ``days`` days have rows, flat; None when all have."""
    start, end = day * DAY_MS, (day + days) * DAY_MS
    mask: Mask | None = None
    for span in absences(seed, spec, start, end):
        if mask is None:
            mask = np.ones(days * MINUTES, dtype=np.bool_)
        first = max(0, (span.start_ms - start) // MINUTE_MS)
        mask[first : max(0, (span.end_ms - start) // MINUTE_MS)] = False
    return mask


def _activity(bits: npt.NDArray[np.uint64], spec: SymbolSpec, present: Mask | None) -> Mask | None:
    """Return which minutes have trades, shape (days, 1440); None when all have."""
    if spec.activity >= 1024 and present is None:
        return None
    dice = (bits * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(54)
    active: Mask = dice < np.uint64(spec.activity)
    if present is not None:
        shown = present.reshape(active.shape)
        active &= shown
        first = shown.argmax(axis=1)
    else:
        first = np.zeros(len(active), dtype=np.int64)
    # The first minute with a row always trades: a listing opens with a trade, and the price
    # has somewhere to move on its way to the day's end.
    active[np.arange(len(active)), first] = True
    if present is not None:
        active &= shown
    return active


def _closes(draws: I64, active: Mask | None, sigma: I64, borders: I64) -> I64:
    """Return closing prices that end each day exactly on its border, shape (days, 1440)."""
    start, change = borders[:-1], borders[1:] - borders[:-1]
    steps = draws * sigma[:, None]
    if active is None:
        count = np.broadcast_to(np.arange(1, MINUTES + 1, dtype=np.int64), steps.shape)
    else:
        steps *= active
        count = np.cumsum(active, axis=1, dtype=np.int64)
    position = np.cumsum(steps, axis=1)
    total = np.maximum(count[:, -1], 1)
    slope = ((change << 30) - position[:, -1] * start) // total
    position *= start[:, None]
    position += slope[:, None] * count
    position += 1 << 29
    position >>= 30
    position += start[:, None]
    return np.maximum(position, 1, out=position)


def generate(seed: int, spec: SymbolSpec, day: int, days: int = 1) -> Rows:
    """Return the minutes of ``days`` UTC days from ``day`` (days since the epoch).

    All integers of a day follow from (seed, symbol, day); days outside the symbol's life come
    back with no minute present.
    """
    minute = np.arange(day * MINUTES, (day + days) * MINUTES, dtype=np.int64)
    bits = draw_many(key_of(seed, "minute", spec.symbol), minute).reshape(days, MINUTES)
    mood = draw_many(key_of(seed, "day", spec.symbol), np.arange(day, day + days, dtype=np.int64))
    present = presence(seed, spec, day, days)
    active = _activity(bits, spec, present)
    field = bits.view(np.int64)
    surge = (field >> 60) & 15
    draws = (field & 63) + ((field >> 6) & 63) + ((field >> 12) & 63) + ((field >> 18) & 63)
    draws -= 126
    # Now and then a minute moves four times as far.
    draws += draws * (surge == _SURGE) * 3
    # Calm to wild days: 0.4 to 1.9 times the usual volatility.
    sigma = (_SIGMA * spec.wobble >> 8) * (96 + (mood & np.uint64(511)).astype(np.int64)) >> 8
    borders = day_borders(seed, spec.symbol, spec.base_ticks, spec.wobble, day, days)
    values = np.empty((FIELDS, days, MINUTES), dtype=np.int64)
    values[CLOSE] = _closes(draws, active, sigma, borders)
    _fill_prices(values, field, surge, sigma, borders, active)
    crowd = 96 + ((mood >> np.uint64(16)) & np.uint64(511)).astype(np.int64)
    _fill_volumes(values, field, np.abs(draws, out=draws), crowd, spec, active)
    return Rows(values.reshape(FIELDS, days * MINUTES), present)


def _fill_prices(
    values: I64, field: I64, surge: I64, sigma: I64, borders: I64, active: Mask | None
) -> None:
    close = values[CLOSE]
    opens = values[OPEN]
    opens[:, 0] = borders[:-1]
    opens[:, 1:] = close[:, :-1]
    # A row seldom opens exactly where the last one closed, and never far away.
    jitter = (surge == _TICK_UP).astype(np.int64) - (surge == _TICK_DOWN)
    reach = (sigma * borders[:-1])[:, None]
    above = (field >> 48) & 63
    below = (field >> 54) & 63
    above *= above
    below *= below
    above *= reach
    below *= reach
    above >>= 36
    below >>= 36
    if active is not None:
        jitter *= active
        above *= active
        below *= active
    opens += jitter
    np.maximum(opens, 1, out=opens)
    np.maximum(opens, close, out=values[HIGH])
    values[HIGH] += above
    np.minimum(opens, close, out=values[LOW])
    values[LOW] -= below
    np.maximum(values[LOW], 1, out=values[LOW])


def _fill_volumes(
    values: I64, field: I64, effort: I64, crowd: I64, spec: SymbolSpec, active: Mask | None
) -> None:
    lots, quote, trades, taker, taker_quote = values[LOTS:]
    low, spread = values[LOW], values[HIGH] - values[LOW]
    # Heavy tails: (64..319) * 2**(0..7) averages 6105; effort averages about 29.
    np.add((field >> 24) & 255, 64, out=lots)
    lots <<= (field >> 32) & 7
    busy = (spec.lots_a_minute * crowd)[:, None] >> 8
    lots *= np.maximum(busy, 1)
    lots >>= 13
    lots *= effort + 32
    lots >>= 6
    lots *= _HOUR_SHAPE
    lots >>= 6
    lots += _FEWEST_TRADES
    np.floor_divide(lots, spec.lots_a_trade, out=trades)
    # At most lots / 2 + 4, and lots is at least 4 itself: never more trades than lots.
    trades += np.minimum(lots >> 1, _FEWEST_TRADES)
    if active is not None:
        lots *= active
        trades *= active
    excess = lots * spread
    excess *= ((field >> 42) & 63) * 4 + 2
    excess >>= 8
    np.multiply(lots, low, out=quote)
    quote += excess
    share = ((field >> 35) & 127) + 64
    np.multiply(lots, share, out=taker)
    taker >>= 8
    excess *= share
    excess >>= 8
    spread *= taker
    np.minimum(excess, spread, out=excess)
    np.multiply(taker, low, out=taker_quote)
    taker_quote += excess
