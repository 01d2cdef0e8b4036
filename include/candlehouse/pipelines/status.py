"""Totals of how complete the warehouse is, for the command line and the progress display."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from candlehouse.storage.completeness.coverage import SeriesStatus


@dataclass(frozen=True, slots=True)
class Totals:
    """Candles over several series; present, absent and pending add up to expected.

    Attributes:
        loading: number of series whose history is being collected for the first time; pending
            candles of all other series are late.
    """

    expected: int
    present: int
    absent: int
    pending: int
    loading: int


def add_up(lines: Iterable[SeriesStatus]) -> Totals:
    """Sums the candles over series, and counts those that are loading."""
    listed = list(lines)
    return Totals(
        sum(line.expected for line in listed),
        sum(line.present for line in listed),
        sum(line.absent for line in listed),
        sum(line.pending for line in listed),
        sum(line.is_loading for line in listed),
    )
