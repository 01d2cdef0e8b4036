"""Counting what clients do: incoming messages, attempts to connect. Pure, on wall seconds."""

import math
from collections import deque

MESSAGES_A_SECOND = 5
ATTEMPT_WINDOW_S = 300.0


class RollingCount:
    """How often something happened within the last ``window_s`` seconds.

    Attributes:
        most: the largest number that any window held so far.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._times: deque[float] = deque()
        self.most = 0

    def at(self, now: float) -> int:
        """Return the number in the window that ends now; its beginning is not part of it."""
        while self._times and self._times[0] <= now - self._window_s:
            self._times.popleft()
        return len(self._times)

    def add(self, now: float) -> int:
        """Count one more and return the number in the window, this one included."""
        self._times.append(now)
        count = self.at(now)
        self.most = max(self.most, count)
        return count

    def room_in(self, limit: int, now: float) -> float:
        """Return the seconds until fewer than ``limit`` are in the window, 0 if so already."""
        count = self.at(now)
        if count < limit:
            return 0.0
        return self._times[count - limit] + self._window_s - now


class Attempts:
    """Attempts to connect, by address.

    Args:
        limit: attempts that an address may make in five minutes.

    Attributes:
        refused: attempts turned away, for whatever reason.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._granted: dict[str, RollingCount] = {}
        self._all = RollingCount(ATTEMPT_WINDOW_S)
        self.refused = 0

    def admit(self, address: str, now: float) -> int:
        """Count an attempt.

        Returns:
            0 if it may go on, else whole seconds to wait. An attempt beyond the limit does not
            prolong the wait.
        """
        self._all.add(now)
        granted = self._granted.setdefault(address, RollingCount(ATTEMPT_WINDOW_S))
        wait = granted.room_in(self._limit, now)
        if wait > 0:
            self.refused += 1
            return max(1, math.ceil(wait))
        granted.add(now)
        return 0

    def recent(self, now: float) -> int:
        """Return all attempts of the last five minutes, refused ones included."""
        return self._all.at(now)

    @property
    def most(self) -> int:
        """The most attempts, refused ones included, in any five minutes so far."""
        return self._all.most
