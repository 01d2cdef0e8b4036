"""How complete the warehouse is, as commands and the run's progress view show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from candlehouse.storage.completeness.coverage import SeriesStatus


@dataclass(frozen=True, slots=True)
class Totals:
    """Candles over several series; present, absent and pending add up to expected.

    Attributes:
        loading: series whose history is being brought; the rest of what is pending is late.
    """

    expected: int
    present: int
    absent: int
    pending: int
    loading: int


def add_up(lines: Iterable[SeriesStatus]) -> Totals:
    """The sums over series."""
    listed = list(lines)
    return Totals(
        sum(line.expected for line in listed),
        sum(line.present for line in listed),
        sum(line.absent for line in listed),
        sum(line.pending for line in listed),
        sum(line.is_loading for line in listed),
    )
