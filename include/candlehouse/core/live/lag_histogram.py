"""A histogram of latencies, whose size does not depend on their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from candlehouse.core.live.updates import UNDATED_MS

# Pairs of (upper bound, bucket width up to that bound), in milliseconds.
_STEPS = ((100, 1), (1000, 10), (60_000, 1000))
_LONGEST_MS = _STEPS[-1][0]


def bucket_of(lag_ms: int) -> int:
    """The upper bound, inclusive, of the bucket for a lag in milliseconds.

    Negative lags (clocks disagree) count as 0, lags of more than a minute as a minute.
    """
    for bound, width in _STEPS:
        if lag_ms <= bound:
            return max(0, -(-lag_ms // width) * width)
    return _LONGEST_MS


class LagHistogram:
    """Counts lags by bucket."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, events_ms: Iterable[int], now_ms: int) -> None:
        """Counts the lag of each of `events_ms`: the time that passed until `now_ms`.

        Events without a time (UNDATED_MS) are left out.
        """
        for event_ms, count in Counter(events_ms).items():
            if event_ms != UNDATED_MS:
                self._counts[bucket_of(now_ms - event_ms)] += count

    def take(self) -> LagHistogram:
        """Returns the counts since the last call, and resets them."""
        taken = LagHistogram()
        taken._counts, self._counts = self._counts, Counter()
        return taken

    def merge(self, other: LagHistogram) -> None:
        """Adds the counts of another histogram."""
        self._counts.update(other._counts)

    def percentile(self, share: float) -> int | None:
        """The lag in milliseconds that a share of all events do not exceed; None without events.

        Args:
            share: from 0 to 1.
        """
        left = share * self._counts.total()
        for bucket, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return bucket
        return None

    @property
    def total(self) -> int:
        """Number of counted events."""
        return self._counts.total()

    @property
    def counts(self) -> Mapping[int, int]:
        """Number of events per bucket, keyed by its upper bound in milliseconds, ascending."""
        return dict(sorted(self._counts.items()))
