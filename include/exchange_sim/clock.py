"""The market's clock: real time, faster, or frozen. Limits and bans never use it."""

import time
from collections.abc import Callable


class MarketClock:
    """The exchange's clock.

    Args:
        start_ms: what the clock shows now.
        speed: market milliseconds for each real one; 0 freezes it.
        monotonic: source of real seconds.

    Attributes:
        jumps: how often it was set or advanced; going on at another speed is no jump.
    """

    def __init__(
        self, start_ms: int, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if speed < 0:
            raise ValueError(f"speed {speed} is negative")
        self._monotonic = monotonic
        self._shown_ms = start_ms
        self._since = monotonic()
        self._speed = speed
        self._listeners: list[Callable[[], None]] = []
        self.jumps = 0

    def listen(self, callback: Callable[[], None]) -> None:
        """Have a callback called after every change of instant or speed."""
        self._listeners.append(callback)

    @property
    def speed(self) -> float:
        """Market milliseconds for each real one; 0 when frozen."""
        return self._speed

    def now_ms(self) -> int:
        """Return the exchange's time in epoch milliseconds."""
        if self._speed == 0:
            return self._shown_ms
        return self._shown_ms + int((self._monotonic() - self._since) * 1000 * self._speed)

    def set(self, now_ms: int) -> None:
        """Jump to an instant, at the same speed."""
        self.jumps += 1
        self._show(now_ms)
        self._tell()

    def advance(self, by_ms: int) -> None:
        """Jump forward; works on a frozen clock too."""
        self.set(self.now_ms() + by_ms)

    def run(self, speed: float) -> None:
        """Go on from the present instant at another speed; 0 freezes.

        Raises:
            ValueError: the speed is negative.
        """
        if speed < 0:
            raise ValueError(f"speed {speed} is negative")
        self._show(self.now_ms())
        self._speed = speed
        self._tell()

    def _show(self, now_ms: int) -> None:
        self._since = self._monotonic()
        self._shown_ms = now_ms

    def _tell(self) -> None:
        for callback in self._listeners:
            callback()
