"""Lags in buckets."""

from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.live.lag_histogram import LagHistogram, bucket_of
from candlehouse.core.live.updates import UNDATED_MS


def test_bucket_is_exact_where_it_matters_and_coarse_beyond() -> None:
    assert [bucket_of(lag) for lag in (0, 1, 49, 100)] == [0, 1, 49, 100]
    assert [bucket_of(lag) for lag in (101, 110, 111)] == [110, 110, 120]
    assert [bucket_of(lag) for lag in (1001, 59_001, 10**9)] == [2000, 60_000, 60_000]


def test_bucket_of_a_clock_that_is_ahead_is_zero() -> None:
    assert bucket_of(-5) == 0


@given(st.integers(0, 60_000), st.integers(0, 60_000))
def test_bucket_keeps_the_order_and_never_understates(one: int, other: int) -> None:
    assert bucket_of(one) >= one
    assert (bucket_of(one) <= bucket_of(other)) or one > other


def test_percentile_is_the_bound_within_which_the_share_lies() -> None:
    histogram = LagHistogram()
    histogram.add([0] * 98, 3)
    histogram.add([0], 40)
    histogram.add([0], 90)

    assert histogram.percentile(0.5) == 3
    assert histogram.percentile(0.98) == 3
    assert histogram.percentile(0.99) == 40
    assert histogram.percentile(1) == 90
    assert histogram.counts == {3: 98, 40: 1, 90: 1}


def test_percentile_of_nothing_is_none() -> None:
    assert LagHistogram().percentile(0.5) is None


def test_taking_begins_anew_and_merging_adds_up() -> None:
    histogram, total = LagHistogram(), LagHistogram()
    for now in (5, 7):
        histogram.add([0, 0], now)
        total.merge(histogram.take())

    assert histogram.total == 0
    assert total.counts == {5: 2, 7: 2}


def test_event_without_a_time_is_not_counted() -> None:
    histogram = LagHistogram()
    histogram.add([UNDATED_MS, 100], 110)

    assert histogram.counts == {10: 1}
