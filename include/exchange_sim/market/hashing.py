"""Counter-based randomness: the same key and counter give the same bits on every machine.

NumPy promises stable bit generators but not stable distributions, so the market draws its
own integers from SplitMix64's finaliser and never touches a floating-point number.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from exchange_sim.klines.columns import I64

U64 = npt.NDArray[np.uint64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_NP_GOLDEN = np.uint64(_GOLDEN)
_NP_FIRST = np.uint64(_FIRST)
_NP_SECOND = np.uint64(_SECOND)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)


def key_of(*parts: int | str) -> int:
    """Return a 64-bit key for a tuple of names and numbers.

    Args:
        parts: what the key stands for, for example ``(seed, "BTCUSDT", "minute")``.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def draw(key: int, counter: int) -> int:
    """Return 64 bits for one counter; equals ``draw_many`` at that counter."""
    x = (key + (counter + 1) * _GOLDEN) & _MASK
    x = ((x ^ (x >> 30)) * _FIRST) & _MASK
    x = ((x ^ (x >> 27)) * _SECOND) & _MASK
    return x ^ (x >> 31)


def draw_many(key: int, counters: I64) -> U64:
    """Return 64 bits for each counter (any shape, negative counters allowed)."""
    x = counters.astype(np.uint64)
    x += np.uint64(1)
    x *= _NP_GOLDEN
    x += np.uint64(key)
    x ^= x >> _S30
    x *= _NP_FIRST
    x ^= x >> _S27
    x *= _NP_SECOND
    x ^= x >> _S31
    return x
