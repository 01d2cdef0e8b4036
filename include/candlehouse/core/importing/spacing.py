"""How far apart the candles of a file are, whatever somebody says they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

# Fewer differences say nothing: there may be a hole between two candles.
_LEAST = 2
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"))


def find_spacing(opens_ms: Sequence[int]) -> int | None:
    """What most candles are apart from the one before them, in milliseconds.

    Args:
        opens_ms: open times, ascending, each once.

    Returns:
        None where no difference is more frequent than all others together.
    """
    differences = Counter(later - earlier for earlier, later in pairwise(opens_ms))
    if differences.total() < _LEAST:
        return None
    ((spacing, times),) = differences.most_common(1)
    return spacing if times * 2 > differences.total() else None


def describe_length(length_ms: int) -> str:
    """A length in the largest unit that it has a whole number of, such as `2h`."""
    for unit, name in _UNITS:
        if length_ms % unit == 0:
            return f"{length_ms // unit}{name}"
    return f"{length_ms} ms"
