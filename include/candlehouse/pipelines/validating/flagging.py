"""Sets the flags that depend on a candle's neighbours or on its quote volume.

The writer sets the flags that follow from a candle's own values, because they are cheap. The
others are computed here, over any range from a day to years; only candles whose flags change
are written.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from candlehouse.core.gaps import clamp_span
from candlehouse.core.model import Series, Span
from candlehouse.core.rules import PRICE_JUMP, is_price_jump, join_flags
from candlehouse.storage.candles.flags import Suspect, select_suspects, update_flags
from candlehouse.storage.candles.page_writer import lock_series
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

_Flags = dict[datetime, tuple[str, ...]]


@dataclass(slots=True)
class FlagReport:
    """What a pass over stored candles did.

    Attributes:
        changed: how many candles have other flags now than before.
        flagged: how many candles of the ranges have each flag.
    """

    changed: int = 0
    flagged: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: FlagReport) -> FlagReport:
        return FlagReport(self.changed + other.changed, self.flagged + other.flagged)


def flag_candles(
    warehouse: Warehouse, requested: Mapping[Series, Span], now: datetime
) -> FlagReport:
    """Sets the flags of every stored candle in the ranges.

    Idempotent. A candle that is stored or corrected after this pass has only the flags of its
    own values until the next pass; its day is recorded as not validated.

    Args:
        warehouse: to read from and to write to.
        requested: one half-open range of open times per series.
        now: the exchange's time; candles that open later are left out.
    """
    report = FlagReport()
    for series, span in sorted(requested.items(), key=lambda item: str(item[0])):
        if past := clamp_span(span, Span(span.start, now)):
            _flag_series(warehouse, series, past, report)
    return report


def _flag_series(warehouse: Warehouse, series: Series, span: Span, report: FlagReport) -> None:
    with warehouse.read() as connection:
        suspects = select_suspects(connection, series, span)
    for suspect in suspects:
        report.flagged.update(_decide(suspect))
    # Read without the series' lock, which would block writers for too long. Months with a
    # difference are read again under the lock.
    for month in _months(_find_differing(suspects)):
        with warehouse.write() as connection:
            lock_series(connection, [series])
            bounds = Span(month[0], month[-1] + series.timeframe.length)
            differing = _find_differing(select_suspects(connection, series, bounds))
            if differing:
                update_flags(connection, series, differing)
                report.changed += len(differing)
                _log.info("the flags of %s candles of %s were changed", len(differing), series)


def _decide(suspect: Suspect) -> tuple[str, ...]:
    jump = PRICE_JUMP if is_price_jump(suspect.closes) else None
    return join_flags(jump, *suspect.of_values)


def _find_differing(suspects: Sequence[Suspect]) -> _Flags:
    decided = {suspect.open_time: _decide(suspect) for suspect in suspects}
    return {s.open_time: decided[s.open_time] for s in suspects if s.stored != decided[s.open_time]}


def _months(moments: Mapping[datetime, object]) -> list[list[datetime]]:
    """The moments of each month, in order."""
    months: dict[tuple[int, int], list[datetime]] = defaultdict(list)
    for moment in sorted(moments):
        months[moment.year, moment.month].append(moment)
    return [months[month] for month in sorted(months)]
