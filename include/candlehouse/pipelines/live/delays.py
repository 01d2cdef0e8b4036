"""Exponential back-off per key."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)

# Longest delay in seconds, however many failures there were.
LONGEST_S = 300.0


class GrowingDelays(Generic[_K]):
    """A delay per key that doubles with each failure and is reset by a success."""

    def __init__(self) -> None:
        self._failures: dict[_K, int] = {}

    def failed(self, key: _K, first_s: float) -> float:
        """Records a failure; returns the seconds until the next try, `first_s` at first."""
        before = self._failures.get(key, 0)
        self._failures[key] = before + 1
        grown: float = first_s * 2.0 ** min(before, 16)
        return min(grown, max(first_s, LONGEST_S))

    def forget(self, key: _K) -> None:
        """Resets the delay of a key, after a success or when the key is no longer needed."""
        self._failures.pop(key, None)
