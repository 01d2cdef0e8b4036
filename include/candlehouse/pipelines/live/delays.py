"""Delays that grow for as long as something keeps failing."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)

# However often it failed: after this many seconds it is tried again.
LONGEST_S = 300.0


class GrowingDelays(Generic[_K]):
    """Doubles with each failure of one thing, and begins anew when it has succeeded."""

    def __init__(self) -> None:
        self._failures: dict[_K, int] = {}

    def failed(self, key: _K, first_s: float) -> float:
        """Seconds until the next try: `first_s` after the first failure."""
        before = self._failures.get(key, 0)
        self._failures[key] = before + 1
        grown: float = first_s * 2.0 ** min(before, 16)
        return min(grown, max(first_s, LONGEST_S))

    def forget(self, key: _K) -> None:
        """It has succeeded, or is of no interest any more."""
        self._failures.pop(key, None)
