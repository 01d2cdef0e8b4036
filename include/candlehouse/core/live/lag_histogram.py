"""How long things took, as a histogram that stays small however many they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from candlehouse.core.live.updates import UNDATED_MS

# Up to each bound, in milliseconds, buckets have the width before it.
_STEPS = ((100, 1), (1000, 10), (60_000, 1000))
_LONGEST_MS = _STEPS[-1][0]


def bucket_of(lag_ms: int) -> int:
    """The upper bound, inclusive, of the bucket that a lag in milliseconds falls in.

    What is below 0 (clocks disagree) counts as 0, what is beyond a minute as a minute.
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
        """Counts an event for each of `events_ms`: the time that passed until `now_ms`.

        Events without a time (UNDATED_MS) are left out.
        """
        for event_ms, count in Counter(events_ms).items():
            if event_ms != UNDATED_MS:
                self._counts[bucket_of(now_ms - event_ms)] += count

    def take(self) -> LagHistogram:
        """What was counted since the last taking; counting begins anew."""
        taken = LagHistogram()
        taken._counts, self._counts = self._counts, Counter()
        return taken

    def merge(self, other: LagHistogram) -> None:
        """Counts what another one has counted."""
        self._counts.update(other._counts)

    def percentile(self, share: float) -> int | None:
        """Milliseconds within which `share` (0 to 1) of all were, None when there are none."""
        left = share * self._counts.total()
        for bucket, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return bucket
        return None

    @property
    def total(self) -> int:
        """How many were counted."""
        return self._counts.total()

    @property
    def counts(self) -> Mapping[int, int]:
        """How many by the upper bound of their bucket in milliseconds, ascending."""
        return dict(sorted(self._counts.items()))
