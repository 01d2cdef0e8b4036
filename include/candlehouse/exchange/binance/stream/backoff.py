"""Delays before the next connection attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from candlehouse.exchange.waiting import find_closed_s

_BANNED = 418
# Refusals by a firewall or for a restricted region, which do not pass quickly.
_FORBIDDEN = frozenset((403, 451))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP error in response to a websocket upgrade.

    Attributes:
        status: HTTP status.
        wait_s: seconds for which the response asks not to be called, None when it does not say.
    """

    status: int
    wait_s: float | None = None

    @property
    def is_ban(self) -> bool:
        """Whether the IP address is banned, from streams and requests alike."""
        return self.status == _BANNED

    @property
    def closed_s(self) -> float | None:
        """Seconds for which the gate is closed for this address, None when it is open."""
        return find_closed_s(self.status, self.wait_s)


class Backoff:
    """Exponential backoff that is reset only when data has flowed.

    A server that accepts connections and drops them at once looks healthy to code that counts an
    open connection as success. The attempts of `candlehouse.retrying` do not fit for that reason:
    they end with the first success.

    Args:
        first_s: delay after the first failure, before jitter.
        cap_s: longest delay, unless the server asks for a longer one.
        draw: returns a random number in [0, 1).
    """

    def __init__(self, first_s: float, cap_s: float, draw: Callable[[], float]) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._draw = draw
        self._failures = 0

    def data_flowed(self) -> None:
        """Resets the backoff."""
        self._failures = 0

    def failed(self, refusal: Refusal | None = None) -> float:
        """Counts a failure.

        Returns:
            Seconds to wait: doubled with each failure up to the cap, then a random value between
            half of
            that and the whole; the cap after a refusal that does not pass quickly. Where the gate
            is
            closed, the delay is added to that time; else it is at least what the server asks for,
            up
            to the cap.
        """
        doubled: float = self._first_s * 2.0 ** min(self._failures, 32)
        self._failures += 1
        delay_s = min(doubled, self._cap_s) * (0.5 + self._draw() / 2)
        if refusal is None:
            return delay_s
        if refusal.closed_s is not None:
            return delay_s + refusal.closed_s
        if refusal.status in _FORBIDDEN:
            return self._cap_s
        return max(delay_s, min(refusal.wait_s or 0.0, self._cap_s))


class Gate:
    """Closed while the exchange accepts no connection from this address; shared by all shards.

    Ignoring a ban extends it, so every connection must know about it.
    """

    def __init__(self) -> None:
        self._closed_until = float("-inf")

    def close(self, refusal: Refusal, now: float) -> None:
        """Closes the gate for as long as a refusal says; never shortens the time."""
        if refusal.closed_s is not None:
            self._closed_until = max(self._closed_until, now + refusal.closed_s)

    def remaining_s(self, now: float) -> float:
        """Seconds until a connection may be attempted."""
        return max(0.0, self._closed_until - now)
