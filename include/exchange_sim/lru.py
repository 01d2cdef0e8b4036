"""A least-recently-used cache with a bound on its cost."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Keeps what was used last, up to a total cost; not for use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._cost = 0

    @property
    def cost(self) -> int:
        """The summed cost of everything held; never above the limit."""
        return self._cost

    def __contains__(self, key: K) -> bool:
        return key in self._held

    def get(self, key: K) -> V | None:
        """Return the value and mark it as used, or None."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, cost: int = 1) -> None:
        """Keep a value, dropping the least recently used ones; too large a value is not kept."""
        old = self._held.pop(key, None)
        if old is not None:
            self._cost -= old[1]
        if cost > self._limit:
            return
        self._held[key] = (value, cost)
        self._cost += cost
        while self._cost > self._limit:
            _, (_, dropped) = self._held.popitem(last=False)
            self._cost -= dropped
