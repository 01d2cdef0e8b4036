"""Sums that end in the present minute: the part before it is kept, the minute is as it stands."""

from dataclasses import dataclass, field

from exchange_sim.klines.intervals import MINUTE_MS
from exchange_sim.market.fold import Total, add
from exchange_sim.market.forming import part_of_minute
from exchange_sim.market.series import Series
from exchange_sim.market.spec import SymbolSpec

Sums = dict[int, Total | None]


@dataclass(slots=True)
class _Held:
    """What is known of one symbol in one minute.

    Attributes:
        whole: the finished minute, None if it has no row.
        sums: of ``[start, minute_ms)`` by start.
        before: the whole minute before this one and the sums that end at its beginning.
    """

    minute_ms: int
    whole: Total | None
    sums: Sums = field(default_factory=dict)
    before: tuple[Total | None, Sums] | None = None


class Unfinished:
    """Sums up to an instant, for the many that ask about the same minute.

    Every interval of a symbol shares its minute, and a sum that reached to the beginning of the
    last minute needs only that one added. What is held belongs to the latest minute asked for,
    so it stays as small as the number of symbols times that of the intervals.
    """

    def __init__(self, series: Series) -> None:
        self._series = series
        self._held: dict[str, _Held] = {}

    def total(self, spec: SymbolSpec, start_ms: int, now_ms: int) -> Total | None:
        """Return the sum of ``[start_ms, now_ms)``, its last minute as far as it has come."""
        minute_ms = now_ms // MINUTE_MS * MINUTE_MS
        held = self._minute(spec, minute_ms)
        if start_ms not in held.sums:
            held.sums[start_ms] = self._sum(spec, start_ms, held)
        part = None if held.whole is None else part_of_minute(held.whole, now_ms - minute_ms)
        return add(held.sums[start_ms], part)

    def has_row(self, spec: SymbolSpec, now_ms: int) -> bool:
        """Return whether the minute of an instant has a row."""
        return self._minute(spec, now_ms // MINUTE_MS * MINUTE_MS).whole is not None

    def _minute(self, spec: SymbolSpec, minute_ms: int) -> _Held:
        held = self._held.get(spec.symbol)
        if held is not None and held.minute_ms == minute_ms:
            return held
        fresh = _Held(minute_ms, self._series.minute(spec, minute_ms))
        if held is not None and held.minute_ms == minute_ms - MINUTE_MS:
            fresh.before = (held.whole, held.sums)
        self._held[spec.symbol] = fresh
        return fresh

    def _sum(self, spec: SymbolSpec, start_ms: int, held: _Held) -> Total | None:
        if held.before is not None and start_ms in held.before[1]:
            whole, sums = held.before
            return add(sums[start_ms], whole)
        return self._series.total(spec, start_ms, held.minute_ms)
