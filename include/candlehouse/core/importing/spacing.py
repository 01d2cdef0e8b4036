"""Finds the actual distance between the candles of a file, whatever its name claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

# Fewer differences are not conclusive: the two candles may have a hole between them.
_LEAST = 2
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"))


def find_spacing(opens_ms: Sequence[int]) -> int | None:
    """The most frequent distance between consecutive candles, in milliseconds.

    Args:
        opens_ms: open times in milliseconds since the epoch, ascending and distinct.

    Returns:
        None where there are fewer than two distances, or no distance makes up more than half of
        all distances.
    """
    differences = Counter(later - earlier for earlier, later in pairwise(opens_ms))
    if differences.total() < _LEAST:
        return None
    ((spacing, times),) = differences.most_common(1)
    return spacing if times * 2 > differences.total() else None


def describe_length(length_ms: int) -> str:
    """A length in the largest unit that divides it, such as `2h`."""
    for unit, name in _UNITS:
        if length_ms % unit == 0:
            return f"{length_ms // unit}{name}"
    return f"{length_ms} ms"
