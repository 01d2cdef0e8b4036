"""Prices at day borders, fixed by hash, so that any day can be generated alone.

The logarithm of a price is a sum of value noises of several periods, half of it shared by the
whole market so that coins rise and fall together. All of it is fixed-point arithmetic.
"""

from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np

from exchange_sim.klines.columns import I64
from exchange_sim.market.hashing import draw_many, key_of

# (period in days, amplitude in octaves of price scaled by 2**20)
_OCTAVES = (
    (512, 800_000),
    (128, 400_000),
    (32, 200_000),
    (8, 90_000),
    (2, 30_000),
    (1, 12_000),
)
_FRACTION_BITS = 20
_BLOCK_DAYS = 256
_TABLE_BITS = 8


def _power_table() -> I64:
    """Return 2**(i/256) for i in 0..256, scaled by 2**30, from exact decimals."""
    with localcontext() as context:
        context.prec = 40
        values = [
            int(Decimal(2) ** (Decimal(i) / 2**_TABLE_BITS) * 2**30)
            for i in range(2**_TABLE_BITS + 1)
        ]
    return np.array(values, dtype=np.int64)


_POWERS = _power_table()


def _noise(key: int, days: I64) -> I64:
    """Return the log2 price at the start of each day, scaled by 2**20."""
    total = np.zeros(days.shape, dtype=np.int64)
    for octave, (period, amplitude) in enumerate(_OCTAVES):
        cell = days // period
        lattice = draw_many(key, np.stack((cell, cell + 1)) * 8 + octave)
        # Twenty bits a lattice point, centred on zero.
        value = (lattice >> np.uint64(44)).astype(np.int64) - (1 << 19)
        within = days - cell * period
        blended = value[0] * (period - within) + value[1] * within
        total += (blended * amplitude // period) >> 19
    return total


def _scale(base: int, log2_price: I64) -> I64:
    """Return ``base * 2**log2_price`` in integers."""
    whole = log2_price >> _FRACTION_BITS
    fraction = log2_price & ((1 << _FRACTION_BITS) - 1)
    rest_bits = _FRACTION_BITS - _TABLE_BITS
    index, rest = fraction >> rest_bits, fraction & ((1 << rest_bits) - 1)
    low = _POWERS[index]
    power = low + (((_POWERS[index + 1] - low) * rest) >> rest_bits)
    scaled: I64 = (base * power) >> (30 - whole)
    return scaled


@lru_cache(maxsize=2048)
def _block(seed: int, symbol: str, base_ticks: int, wobble: int, block: int) -> I64:
    days = np.arange(block * _BLOCK_DAYS, (block + 1) * _BLOCK_DAYS + 1, dtype=np.int64)
    own = _noise(key_of(seed, "path", symbol), days)
    shared = _noise(key_of(seed, "path", "*"), days)
    ticks = np.maximum(_scale(base_ticks, ((own + shared) >> 1) * wobble >> 8), 1)
    ticks.setflags(write=False)
    return ticks


def day_borders(seed: int, symbol: str, base_ticks: int, wobble: int, day: int, count: int) -> I64:
    """Return the prices at the starts of ``count + 1`` days from ``day``, in ticks (at least 1).

    Args:
        seed: the market's seed.
        symbol: whose price.
        base_ticks: the price that the noise multiplies.
        wobble: 256 for an ordinary coin, less for steady ones.
        day: days since the epoch.
        count: number of days.
    """
    parts = []
    at, end = day, day + count + 1
    while at < end:
        block = at // _BLOCK_DAYS
        stop = min(end, (block + 1) * _BLOCK_DAYS)
        origin = block * _BLOCK_DAYS
        values = _block(seed, symbol, base_ticks, wobble, block)
        parts.append(values[at - origin : stop - origin])
        at = stop
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
