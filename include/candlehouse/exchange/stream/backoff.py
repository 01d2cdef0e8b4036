"""How long to wait before the next connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from candlehouse.exchange.failures import DEFAULT_RETRY_AFTER_S

_LIMITED = frozenset((418, 429))
# A firewall's refusal or a restricted region: it does not pass in a second.
_FORBIDDEN = frozenset((403, 451))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upgrade that the server answered with an HTTP error.

    Attributes:
        status: of the answer.
        retry_after_s: seconds that it wants to be left alone, None when it does not say.
    """

    status: int
    retry_after_s: float | None = None

    @property
    def is_limit(self) -> bool:
        """Whether the exchange has closed its gate for this address."""
        return self.status in _LIMITED

    @property
    def closed_s(self) -> float:
        """Seconds during which nothing may be tried; 0 for any other refusal."""
        if not self.is_limit:
            return 0.0
        return DEFAULT_RETRY_AFTER_S if self.retry_after_s is None else self.retry_after_s


class Backoff:
    """Growing delays, back at the first one only when data has flowed.

    A server that accepts connections and drops them at once looks healthy to anything
    that counts an open connection as success.

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
            between half of that and the whole; the cap for what is forbidden; never less
            than what the server asks for.
        """
        doubled: float = self._first_s * 2.0 ** min(self._failures, 32)
        self._failures += 1
        if refusal is not None and refusal.status in _FORBIDDEN:
            return self._cap_s
        delay_s = min(doubled, self._cap_s) * (0.5 + self._draw() / 2)
        return delay_s if refusal is None else delay_s + refusal.closed_s


class Gate:
    """Shut while the exchange wants no connection from this address, for all shards alike.

    A ban grows when it is ignored; one connection must not learn of it alone.
    """

    def __init__(self) -> None:
        self._closed_until = float("-inf")

    def close(self, refusal: Refusal, now: float) -> None:
        """Shuts it for as long as a refusal says; never opens it earlier."""
        if refusal.is_limit:
            self._closed_until = max(self._closed_until, now + refusal.closed_s)

    def remaining_s(self, now: float) -> float:
        """Seconds until a connection may be tried."""
        return max(0.0, self._closed_until - now)
