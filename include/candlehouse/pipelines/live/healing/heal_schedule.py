"""The schedule of healing: which series are requested from REST, and when.

Pure bookkeeping, for one event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from candlehouse.core.model import Series
from candlehouse.pipelines.live.delays import GrowingDelays


@dataclass(frozen=True, slots=True)
class Due:
    """Series that are due to be requested from REST now.

    Attributes:
        series: all series that are due.
        adopt: those of them of which nothing is known yet.
        confirm: open time of the oldest candle of a series that nothing has confirmed.
    """

    series: tuple[Series, ...]
    adopt: frozenset[Series]
    confirm: dict[Series, datetime]


class HealSchedule:
    """Keeps series scheduled until they were requested successfully.

    Args:
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._due: dict[Series, float] = {}
        self._unconfirmed: dict[Series, datetime] = {}
        self._to_adopt: set[Series] = set()
        self._delays = GrowingDelays[Series]()
        # Since what is due was taken last: it does not come back.
        self._forgotten: set[Series] = set()

    def __len__(self) -> int:
        return len(self._due)

    def adopt(self, series: Collection[Series]) -> None:
        """Schedules series at once whose stored state is not known and must be read first."""
        self._to_adopt |= set(series)
        self._forgotten -= set(series)
        self.request(series)

    def forget(self, series: Collection[Series]) -> None:
        """Removes series, also those whose request is running: their result is ignored."""
        self._to_adopt -= set(series)
        self._forgotten |= set(series)
        for one in series:
            self._due.pop(one, None)
            self._unconfirmed.pop(one, None)
            self._delays.forget(one)

    def request(self, series: Iterable[Series], delay_s: float = 0.0) -> None:
        """Schedules series within `delay_s` seconds; an earlier time stays."""
        at = self._monotonic() + delay_s
        for one in series:
            self._due[one] = min(at, self._due.get(one, at))

    def confirm(self, series: Series, opens: datetime, delay_s: float) -> None:
        """Schedules the comparison of a candle, and of all later ones, with REST."""
        self._unconfirmed[series] = min(self._unconfirmed.get(series, opens), opens)
        self.request([series], delay_s)

    def take(self) -> Due | None:
        """Returns the due series and removes them from the schedule; None when none is due."""
        now = self._monotonic()
        series = tuple(one for one, at in self._due.items() if at <= now)
        if not series:
            return None
        self._forgotten.clear()
        for one in series:
            del self._due[one]
        unconfirmed = self._unconfirmed
        confirm = {one: unconfirmed.pop(one) for one in series if one in unconfirmed}
        return Due(series, frozenset(self._to_adopt.intersection(series)), confirm)

    def is_forgotten(self, series: Series) -> bool:
        """Whether a series was removed since the due series were last taken."""
        return series in self._forgotten

    def adopted(self, series: Iterable[Series]) -> None:
        """Records that the stored state of these series is known."""
        self._to_adopt.difference_update(series)

    def succeeded(self, series: Iterable[Series]) -> None:
        """Records that these series were requested and nothing is left open."""
        for one in series:
            self._delays.forget(one)

    def later(
        self, series: Iterable[Series], confirm: Mapping[Series, datetime], delay_s: float
    ) -> None:
        """Schedules due series again, with the candles of them that are to be confirmed."""
        for one in series:
            if one in self._forgotten:
                continue
            if one in confirm:
                self.confirm(one, confirm[one], delay_s)
            else:
                self.request([one], delay_s)

    def retry(
        self, series: Iterable[Series], confirm: Mapping[Series, datetime], first_s: float
    ) -> None:
        """As `later`, with a delay that doubles each time until `succeeded`."""
        for one in series:
            self.later([one], confirm, self._delays.failed(one, first_s))
