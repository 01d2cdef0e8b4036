"""Which candles should have closed by now and were not seen to.

An exchange may leave the closing event of a candle out, and a connection may lose it;
the clock of the events themselves tells that it is overdue.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from candlehouse.core.model import Series

# Milliseconds of the exchange's time: from the first look at a series that is overdue to
# the second, and at the most. Each doubles the one before.
_FIRST_PAUSE_MS = 5_000
_LONGEST_PAUSE_MS = 300_000


@dataclass(slots=True)
class _Expected:
    """What is expected of a series.

    Attributes:
        next_ms: open time of the oldest candle that has not been seen or answered for.
        seen: open times of later ones that have.
        quiet_until_ms: exchange time before which it is not said again.
    """

    next_ms: int
    pause_ms: int = _FIRST_PAUSE_MS
    quiet_until_ms: int = 0
    seen: set[int] = field(default_factory=set)


class Closes:
    """Keeps, for each series, up to where every closed candle is accounted for.

    Args:
        grace_ms: exchange time after its end from which a candle's close is overdue.
    """

    def __init__(self, grace_ms: int) -> None:
        self._grace_ms = grace_ms
        self._expected: dict[Series, _Expected] = {}

    def expect(self, series: Series, next_ms: int) -> None:
        """Candles that open at or after `next_ms` are expected from now on."""
        self._expected[series] = _Expected(next_ms)

    def forget(self, series: Collection[Series]) -> None:
        """Nothing of these is expected any more."""
        for one in series:
            self._expected.pop(one, None)

    def saw(self, series: Series, open_ms: int) -> None:
        """The close of a candle was seen."""
        expected = self._expected.get(series)
        if expected is not None and open_ms >= expected.next_ms:
            expected.seen.add(open_ms)
            self._advance(series, expected)

    def answered(self, series: Series, until_ms: int) -> None:
        """Candles that open before `until_ms` are held, or the exchange does not have them."""
        expected = self._expected.get(series)
        if expected is not None and until_ms > expected.next_ms:
            expected.next_ms = until_ms
            self._advance(series, expected)

    def next_ms(self, series: Series) -> int | None:
        """Open time of the oldest candle not accounted for, None when none is expected."""
        expected = self._expected.get(series)
        return None if expected is None else expected.next_ms

    def find_overdue(self, clock_ms: int) -> list[Series]:
        """Series with a candle that should have been seen at exchange time `clock_ms`.

        Each is said again after growing pauses only, for as long as nothing helps.
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
