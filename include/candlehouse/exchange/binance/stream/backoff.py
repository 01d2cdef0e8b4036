"""How long to wait before the next connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from candlehouse.exchange.waiting import find_closed_s

_BANNED = 418
# A firewall's refusal or a restricted region: it does not pass in a second.
_FORBIDDEN = frozenset((403, 451))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upgrade that the server answered with an HTTP error.

    Attributes:
        status: of the answer.
        wait_s: seconds that it wants to be left alone, None when it does not say.
    """

    status: int
    wait_s: float | None = None

    @property
    def is_ban(self) -> bool:
        """Whether the address is banned, from streams and requests alike."""
        return self.status == _BANNED

    @property
    def closed_s(self) -> float | None:
        """Seconds for which the gate is closed for this address, None when it is open."""
        return find_closed_s(self.status, self.wait_s)


class Backoff:
    """Growing delays, back at the first one only when data has flowed.

    A server that accepts connections and drops them at once looks healthy to anything
    that counts an open connection as success. The attempts of `candlehouse.retrying` do not
    fit for that reason: they end with a success, and here an open connection is none. The
    count begins anew only when data flows, after the attempt to connect is over.

    Args:
        first_s: the delay after the first failure, before jitter.
        cap_s: no delay is longer, but one that the server asks for.
        draw: a random number in [0, 1).
    """

    def __init__(self, first_s: float, cap_s: float, draw: Callable[[], float]) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._draw = draw
        self._failures = 0

    def data_flowed(self) -> None:
        """The next failure is the first one again."""
        self._failures = 0

    def failed(self, refusal: Refusal | None = None) -> float:
        """Counts a failure.

        Returns:
            Seconds to wait: doubled with each failure up to the cap, then somewhere
            between half of that and the whole; the cap for what is forbidden. Where the gate
            is closed, so much more; else at least what the server asks for, up to the cap.
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
    """Shut while the exchange wants no connection from this address, for all shards alike.

    A ban grows when it is ignored; one connection must not learn of it alone.
    """

    def __init__(self) -> None:
        self._closed_until = float("-inf")

    def close(self, refusal: Refusal, now: float) -> None:
        """Shuts it for as long as a refusal says; never opens it earlier."""
        if refusal.closed_s is not None:
            self._closed_until = max(self._closed_until, now + refusal.closed_s)

    def remaining_s(self, now: float) -> float:
        """Seconds until a connection may be tried."""
        return max(0.0, self._closed_until - now)
