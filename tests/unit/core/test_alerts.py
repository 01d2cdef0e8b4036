"""When alerts are raised, stay and are cleared."""

from __future__ import annotations

from datetime import timedelta

import pytest

from candlehouse.core.alerts import (
    AlertKey,
    Change,
    Measurement,
    Metric,
    Threshold,
    Thresholds,
    decide,
    decide_all,
    describe,
)

LIMITS = Thresholds(99.9, timedelta(minutes=15), 1.0, 98.0, 1000)
COMPLETE = AlertKey(Metric.COMPLETENESS, "5m")
WEIGHT = AlertKey(Metric.WEIGHT, "exchange")


def follow(threshold: Threshold, values: list[float]) -> list[Change]:
    """What each of the values does, one after the other."""
    changes, is_open = [], False
    for value in values:
        changes.append(decide(threshold, value, is_open))
        is_open = changes[-1] in (Change.RAISED, Change.STILL_RAISED)
    return changes


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        (Metric.COMPLETENESS, [99.9, 99.89, 99.905, 99.89, 99.92, 99.905]),
        (Metric.FRESHNESS, [900.0, 901.0, 850.0, 901.0, 810.0, 850.0]),
        (Metric.LOADING, [3600.0, 3601.0, 3500.0, 3601.0, 0.0, 3500.0]),
        (Metric.ERROR_RATE, [1.0, 1.1, 0.95, 1.1, 0.9, 0.95]),
        (Metric.WEIGHT, [98.0, 98.1, 90.0, 99.0, 88.0, 90.0]),
        (Metric.CORRECTIONS, [1000.0, 1001.0, 901.0, 1001.0, 900.0, 950.0]),
    ],
)
def test_value_about_the_threshold_does_not_flap(metric: Metric, values: list[float]) -> None:
    assert follow(LIMITS.of(metric), values) == [
        Change.NONE,
        Change.RAISED,
        Change.STILL_RAISED,
        Change.STILL_RAISED,
        Change.CLEARED,
        Change.NONE,
    ]


@pytest.mark.parametrize("limit", [0.0, 100.0])
def test_thresholds_at_both_ends_can_be_met(limit: float) -> None:
    complete, wrong = Threshold(limit, 100.0), Threshold(limit, 0.0)
    assert follow(complete, [100.0, 100.0]) == [Change.NONE, Change.NONE]
    assert follow(wrong, [0.0, 0.0]) == [Change.NONE, Change.NONE]
    assert decide(complete, 100.0, True) is decide(wrong, 0.0, True) is Change.CLEARED


def test_what_is_not_measured_any_more_is_cleared_and_the_rest_decided_by_itself() -> None:
    found = [Measurement(WEIGHT, 120.0), Measurement(COMPLETE, 12.5, "most pending in AUSDT: 7")]
    gone = AlertKey(Metric.FRESHNESS, "1d")
    fine = Measurement(AlertKey(Metric.CORRECTIONS, "candles"), 0.0)

    decisions = decide_all(LIMITS, [*found, fine], [gone, WEIGHT])

    assert [(one.key, one.change) for one in decisions] == [
        (COMPLETE, Change.RAISED),
        (gone, Change.CLEARED),
        (WEIGHT, Change.STILL_RAISED),
    ]
    assert decisions[0].message == (
        "5m: 12.500% of the expected candles, at least 99.9% are due (most pending in AUSDT: 7)"
    )
    assert decisions[1].measurement is None
    assert decisions[1].message == "1d: no longer measured"


def test_completeness_is_rounded_down() -> None:
    assert describe(Measurement(COMPLETE, 99.99999), 100.0).startswith("5m: 99.999%")


def test_lateness_is_told_as_time() -> None:
    told = describe(Measurement(AlertKey(Metric.FRESHNESS, "1m"), 3725.0, "AUSDT"), 900.0)
    assert told == "1m: the newest candle is 1:02:05 overdue, at most 0:15:00 is right (AUSDT)"
