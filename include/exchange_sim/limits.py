"""Request weight a client address: the limit, refusals, bans, and a record of what was used.

Pure: real time comes in as an argument, in monotonic seconds.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

Window = Literal["minute", "rolling"]

WINDOW_S = 60.0
LONGEST_BAN_S = 3 * 86_400
# Requests already on their way when the limit broke are refused, not held against the client.
_IN_FLIGHT_S = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one request.

    Attributes:
        status: 200, 429 (over the limit) or 418 (banned).
        used: weight of the current window, this request included if it was granted.
        retry_after_s: whole seconds to wait, 0 when granted.
    """

    status: int
    used: int
    retry_after_s: int = 0


@dataclass(slots=True)
class _Client:
    window: int = -1
    used: int = 0
    recent: deque[tuple[float, int]] = field(default_factory=deque)
    refused_since: float | None = None
    strikes: int = 0
    bans: int = 0
    banned_until: float = -math.inf


class WeightLimiter:
    """Counts weight by client address.

    Args:
        limit: weight per window.
        window: ``minute`` counts by minutes of the wall clock, ``rolling`` the last 60 s.
        started: monotonic seconds at start.
        epoch_s: wall time at ``started``, so that minutes begin where the wall's do.
        ban_after: refusals that a client may ignore before it is banned.
        ban_s: length of the first ban; each further one is twice as long, up to three days.
    """

    def __init__(
        self,
        limit: int,
        window: Window,
        *,
        started: float,
        epoch_s: float,
        ban_after: int = 10,
        ban_s: int = 120,
    ) -> None:
        self.limit = limit
        self.window: Window = window
        self.refused = 0
        self.banned = 0
        self.started = started
        self.epoch_s = epoch_s
        self._offset = epoch_s - started
        self._ban_after = ban_after
        self._ban_s = ban_s
        self._clients: dict[str, _Client] = {}
        self._seconds: list[int] = []

    def charge(self, address: str, weight: int, now: float) -> Verdict:
        """Charge a request and return the decision on it; a refused request costs nothing."""
        client = self._clients.setdefault(address, _Client())
        used = self._used(client, now)
        if now < client.banned_until:
            self.banned += 1
            return Verdict(418, used, math.ceil(client.banned_until - now))
        if used + weight <= self.limit:
            self._grant(client, weight, now)
            return Verdict(200, used + weight)
        if self._hammered(client, now):
            self.banned += 1
            return Verdict(418, used, math.ceil(client.banned_until - now))
        self.refused += 1
        return Verdict(429, used, self._wait(client, weight, now))

    def used(self, address: str, now: float) -> int:
        """Return the weight an address has used in the current window."""
        client = self._clients.get(address)
        return 0 if client is None else self._used(client, now)

    def ban_left_s(self, address: str, now: float) -> int:
        """Return whole seconds for which an address is still banned, 0 if it is not."""
        client = self._clients.get(address)
        if client is None or now >= client.banned_until:
            return 0
        return math.ceil(client.banned_until - now)

    def banned_until_epoch_ms(self, address: str) -> int:
        """Return when the latest ban of an address ends, in wall milliseconds."""
        return round((self._clients[address].banned_until + self._offset) * 1000)

    def reset(self) -> None:
        """Forget all clients, with their bans; the record of seconds stays."""
        self._clients.clear()

    def seconds(self, now: float) -> list[int]:
        """Return granted weight by whole second since the start, up to the present one."""
        last = int(now - self.started)
        return self._seconds[: last + 1] + [0] * (last + 1 - len(self._seconds))

    def minutes(self, now: float) -> list[tuple[int, int, bool]]:
        """Return granted weight by wall-clock minute.

        Returns:
            (epoch seconds of the minute's start, weight, whether the record covers all of it),
            ascending. Seconds are counted from the start, so a minute's edge is up to a second off.
        """
        sums: dict[int, int] = {}
        for second, weight in enumerate(self.seconds(now)):
            minute = int((self.epoch_s + second) // WINDOW_S * WINDOW_S)
            sums[minute] = sums.get(minute, 0) + weight
        end = now + self._offset
        return [
            (start, weight, start >= self.epoch_s and start + WINDOW_S <= end)
            for start, weight in sums.items()
        ]

    def _used(self, client: _Client, now: float) -> int:
        if self.window == "minute":
            window = int((now + self._offset) // WINDOW_S)
            if window != client.window:
                client.window, client.used = window, 0
            return client.used
        while client.recent and client.recent[0][0] <= now - WINDOW_S:
            client.used -= client.recent.popleft()[1]
        return client.used

    def _grant(self, client: _Client, weight: int, now: float) -> None:
        client.used += weight
        if self.window == "rolling":
            client.recent.append((now, weight))
        client.refused_since, client.strikes = None, 0
        second = int(now - self.started)
        if second >= len(self._seconds):
            self._seconds.extend([0] * (second + 1 - len(self._seconds)))
        self._seconds[second] += weight

    def _hammered(self, client: _Client, now: float) -> bool:
        """Count an ignored refusal and ban the client after too many of them."""
        if client.refused_since is None:
            client.refused_since = now
        elif now - client.refused_since > _IN_FLIGHT_S:
            client.strikes += 1
        if client.strikes < self._ban_after:
            return False
        length = min(self._ban_s * 2**client.bans, LONGEST_BAN_S)
        client.bans += 1
        client.banned_until = now + length
        client.refused_since, client.strikes = None, 0
        return True

    def _wait(self, client: _Client, weight: int, now: float) -> int:
        if self.window == "minute":
            into = (now + self._offset) % WINDOW_S
            return max(1, math.ceil(WINDOW_S - into))
        excess = client.used + weight - self.limit
        for at, spent in client.recent:
            excess -= spent
            if excess <= 0:
                return max(1, math.ceil(at + WINDOW_S - now))
        return int(WINDOW_S)
