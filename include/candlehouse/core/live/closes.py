"""Finds candles that should have closed by now and whose close was not received.

An exchange may omit the closing event of a candle, and a connection may lose it; the event times
of later messages show that it is overdue.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from candlehouse.core.model import Series

# Pauses between reports of an overdue series, in milliseconds of the exchange's time: the first
# and the longest. Each pause is twice the one before.
_FIRST_PAUSE_MS = 5_000
_LONGEST_PAUSE_MS = 300_000


@dataclass(slots=True)
class _Expected:
    """The expected closes of a series.

    Attributes:
        next_ms: open time of the oldest candle that is not accounted for.
        seen: open times of later candles that are accounted for.
        quiet_until_ms: exchange time before which the series is not reported again.
    """

    next_ms: int
    pause_ms: int = _FIRST_PAUSE_MS
    quiet_until_ms: int = 0
    seen: set[int] = field(default_factory=set)


class Closes:
    """Tracks, per series, up to which candle all closes are accounted for.

    Args:
        grace_ms: exchange time after the end of a candle from which its close is overdue.
    """

    def __init__(self, grace_ms: int) -> None:
        self._grace_ms = grace_ms
        self._expected: dict[Series, _Expected] = {}

    def expect(self, series: Series, next_ms: int) -> None:
        """Expects candles of the series that open at or after `next_ms`."""
        self._expected[series] = _Expected(next_ms)

    def forget(self, series: Collection[Series]) -> None:
        """Expects no more candles of the series."""
        for one in series:
            self._expected.pop(one, None)

    def saw(self, series: Series, open_ms: int) -> None:
        """Records that the close of a candle was received."""
        expected = self._expected.get(series)
        if expected is not None and open_ms >= expected.next_ms:
            expected.seen.add(open_ms)
            self._advance(series, expected)

    def answered(self, series: Series, until_ms: int) -> None:
        """Records that candles that open before `until_ms` are stored or do not exist."""
        expected = self._expected.get(series)
        if expected is not None and until_ms > expected.next_ms:
            expected.next_ms = until_ms
            self._advance(series, expected)

    def next_ms(self, series: Series) -> int | None:
        """Open time of the oldest candle that is not accounted for; None when none is expected."""
        expected = self._expected.get(series)
        return None if expected is None else expected.next_ms

    def find_overdue(self, clock_ms: int) -> list[Series]:
        """Series with a candle that is overdue at exchange time `clock_ms`.

        A series is reported again only after growing pauses, for as long as it stays overdue.
        """
        overdue = []
        for series, expected in self._expected.items():
            due_ms = expected.next_ms + series.timeframe.length_ms + self._grace_ms
            if clock_ms >= due_ms and clock_ms >= expected.quiet_until_ms:
                overdue.append(series)
                expected.quiet_until_ms = clock_ms + expected.pause_ms
                expected.pause_ms = min(2 * expected.pause_ms, _LONGEST_PAUSE_MS)
        return overdue

    def _advance(self, series: Series, expected: _Expected) -> None:
        while expected.next_ms in expected.seen:
            expected.seen.discard(expected.next_ms)
            expected.next_ms += series.timeframe.length_ms
        expected.seen = {opens for opens in expected.seen if opens > expected.next_ms}
        expected.pause_ms = _FIRST_PAUSE_MS
        expected.quiet_until_ms = 0
