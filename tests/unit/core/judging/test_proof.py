from __future__ import annotations

from datetime import UTC, datetime, timedelta

from candlehouse.core.judging.proof import find_proven
from candlehouse.core.model import Span
from candlehouse.core.timeframe import Timeframe

T0 = datetime(2024, 1, 1, tzinfo=UTC)
ASKED = Span(T0, T0 + timedelta(hours=6))


def at(hour: float) -> datetime:
    return T0 + timedelta(hours=hour)


def test_answer_without_rows_proves_that_there_is_nothing() -> None:
    assert find_proven(ASKED, [], Timeframe.H1) == ASKED


def test_answer_proves_nothing_before_its_first_row_nor_beyond_its_last() -> None:
    assert find_proven(ASKED, [at(1), at(3)], Timeframe.H1) == Span(at(1), at(4))


def test_row_off_the_grid_fills_its_slot() -> None:
    assert find_proven(ASKED, [at(1.5)], Timeframe.H1) == Span(at(1), at(2))


def test_rows_outside_the_range_prove_what_lies_between_them() -> None:
    assert find_proven(ASKED, [at(-1), at(9)], Timeframe.H1) == ASKED


def test_answer_with_all_rows_outside_the_range_proves_nothing() -> None:
    assert find_proven(ASKED, [at(6), at(9)], Timeframe.H1) is None
    assert find_proven(ASKED, [at(-2), at(-1)], Timeframe.H1) is None
