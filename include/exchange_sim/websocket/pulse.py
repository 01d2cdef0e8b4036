"""Pings, pongs and the end of a connection's life: pure decisions on wall seconds."""

import math

from exchange_sim.stream_options import StreamOptions

NO_PONG, LIFE_OVER = "no_pong", "life_over"


class Pulse:
    """The pings of one connection.

    Attributes:
        last_pong: when a pong last echoed one of our payloads, None before the first.
    """

    def __init__(self, options: StreamOptions, now: float) -> None:
        self._options = options
        self._next_ping = now + options.ping_s
        self._end = now + options.life_s
        self._unanswered: dict[bytes, float] = {}
        self.last_pong: float | None = None

    def verdict(self, now: float) -> str | None:
        """Return why the connection must end, None if it need not."""
        if now >= self._end:
            return LIFE_OVER
        return NO_PONG if now >= self._deadline() else None

    def ping_due(self, now: float) -> bool:
        """Return whether it is time for a ping."""
        return now >= self._next_ping

    def pinged(self, payload: bytes, now: float) -> None:
        """Remember a ping that was sent."""
        self._unanswered[payload] = now
        self._next_ping = now + self._options.ping_s

    def ponged(self, payload: bytes, now: float) -> bool:
        """Take a pong; it counts if it echoes a ping, which answers all earlier ones too."""
        if payload not in self._unanswered:
            return False
        for sent in list(self._unanswered):
            del self._unanswered[sent]
            if sent == payload:
                break
        self.last_pong = now
        return True

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next ping or end, at least 0."""
        return max(0.0, min(self._next_ping, self._deadline(), self._end) - now)

    def _deadline(self) -> float:
        oldest = next(iter(self._unanswered.values()), math.inf)
        return oldest + self._options.pong_s
