from datetime import UTC, datetime

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Span
from candlehouse.core.planning.windows import (
    Scope,
    Window,
    check_span,
    count_groups,
    scope_from_json,
    scope_to_json,
    split_groups,
    window_span,
)
from candlehouse.core.timeframe import Timeframe

START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 5, 17, 9, 30, tzinfo=UTC)
TIMEFRAMES = (Timeframe.M5, Timeframe.H1)


def month(number: int) -> datetime:
    return datetime(2024, number, 1, tzinfo=UTC)


def test_forward_owns_the_current_month_up_to_now() -> None:
    assert window_span(Scope(Window.FORWARD, TIMEFRAMES), START, NOW) == Span(month(5), NOW)


def test_forward_begins_no_earlier_than_collection_does() -> None:
    late = datetime(2024, 5, 10, tzinfo=UTC)
    assert window_span(Scope(Window.FORWARD, TIMEFRAMES), late, NOW) == Span(late, NOW)


def test_a_scheduled_month_is_clamped_to_what_is_wanted_and_over() -> None:
    late = datetime(2024, 2, 10, tzinfo=UTC)
    february = Scope(Window.BACKWARD, TIMEFRAMES, interval=Span(month(2), month(3)))
    assert window_span(february, late, NOW) == Span(late, month(3))
    may = Scope(Window.BACKWARD, TIMEFRAMES, interval=Span(month(5), month(6)))
    assert window_span(may, START, NOW) == Span(month(5), NOW)


def test_a_month_after_the_exchanges_now_has_nothing_to_do() -> None:
    june = Scope(Window.BACKWARD, TIMEFRAMES, interval=Span(month(6), month(7)))
    assert window_span(june, START, NOW) is None


def test_a_range_asked_for_by_a_person_is_taken_as_it_is() -> None:
    span = Span(datetime(2020, 1, 1, tzinfo=UTC), month(2))
    assert window_span(Scope(Window.BACKWARD, TIMEFRAMES, span=span), START, NOW) == span


def test_backward_without_a_range_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="start and end are missing"):
        window_span(Scope(Window.BACKWARD, TIMEFRAMES), START, NOW)


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        (month(2), None, "end is missing"),
        (None, month(2), "start is missing"),
        (month(3), month(2), "is not before end"),
        (month(2), month(2), "is not before end"),
        (month(6), month(7), "is in the future"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    start: datetime | None, end: datetime | None, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        check_span(start, end, NOW)


def test_no_range_and_a_range_that_reaches_past_now_are_fine() -> None:
    assert check_span(None, None, NOW) is None
    assert check_span(month(5), month(6), NOW) == Span(month(5), month(6))


def test_groups_deal_symbols_out_evenly_and_none_is_empty() -> None:
    assert split_groups(["A", "B", "C", "D", "E"], 2) == [("A", "C", "E"), ("B", "D")]
    assert split_groups(["A"], 4) == [("A",)]


def test_small_work_is_one_group_and_large_work_at_most_all() -> None:
    assert [count_groups(candles, 4) for candles in (0, 999_999, 1_000_000, 10**7)] == [1, 1, 2, 4]


def test_a_scope_survives_the_way_through_json() -> None:
    scope = Scope(
        Window.GAPS, TIMEFRAMES, ("BTCUSDT",), Span(month(1), month(2)), Span(month(3), month(4))
    )
    assert scope_from_json(scope_to_json(scope)) == scope
    assert scope_from_json(scope_to_json(scope.narrow(()))).symbols == ()
