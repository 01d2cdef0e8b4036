"""Decides when an alert is raised and when it is cleared.

A measurement is compared with a threshold. Raising and clearing have different limits
(hysteresis), so that a value that moves around the threshold does not flap.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import NamedTuple

from candlehouse.core.planning.loading import STALLED_AFTER

# An alert is cleared once its value is this fraction of the way from the limit to perfect.
_MARGIN = 0.1
_GONE = "no longer measured"


class Metric(Enum):
    """What is measured; the value is the metric's name in `market.alerts`."""

    COMPLETENESS = "completeness"
    FRESHNESS = "freshness"
    LOADING = "loading"
    ERROR_RATE = "error_rate"
    WEIGHT = "weight"
    CORRECTIONS = "corrections"
    UNIVERSE = "universe"


class AlertKey(NamedTuple):
    """Identifies what an alert is about; per key at most one alert is open.

    Attributes:
        subject: a timeframe, or whatever else the metric is measured per, such as a source.
    """

    metric: Metric
    subject: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """The limit of a metric.

    Attributes:
        limit: the worst value that is still accepted (inclusive).
        perfect: the best possible value; values on the other side of `limit` break the threshold.
    """

    limit: float
    perfect: float

    def is_broken_by(self, value: float) -> bool:
        """Whether the value lies beyond the limit, which raises an alert."""
        return value < self.limit if self.perfect >= self.limit else value > self.limit

    def is_met_by(self, value: float) -> bool:
        """Whether the value is far enough inside the limit to clear an open alert."""
        cleared = self.limit + _MARGIN * (self.perfect - self.limit)
        return value >= cleared if self.perfect >= self.limit else value <= cleared


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of all metrics.

    Attributes:
        completeness: lowest accepted percentage of the expected candles that are present, or
            absent with a reason.
        freshness: how long the newest candle of a series may be overdue.
        error_rate: highest accepted percentage of refused messages, and of failed series.
        weight: highest accepted percentage of the exchange's weight limit used in a minute.
        corrections: highest accepted number of candles whose values were replaced in 24 hours.
    """

    completeness: float
    freshness: timedelta
    error_rate: float
    weight: float
    corrections: int

    def of(self, metric: Metric) -> Threshold:
        """The threshold of a metric, in the unit of its measurements."""
        match metric:
            case Metric.COMPLETENESS:
                return Threshold(self.completeness, 100.0)
            case Metric.FRESHNESS:
                return Threshold(self.freshness.total_seconds(), 0.0)
            case Metric.LOADING:
                return Threshold(STALLED_AFTER.total_seconds(), 0.0)
            case Metric.ERROR_RATE:
                return Threshold(self.error_rate, 0.0)
            case Metric.WEIGHT:
                return Threshold(self.weight, 0.0)
            case Metric.CORRECTIONS:
                return Threshold(float(self.corrections), 0.0)
            case Metric.UNIVERSE:
                return Threshold(100.0, 100.0)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured value.

    Attributes:
        value: percent, seconds or a count, depending on the metric.
        detail: where the value is worst, in words; may be empty.
    """

    key: AlertKey
    value: float
    detail: str = ""


class Change(Enum):
    """What a measurement does to the alert of its key."""

    NONE = "none"
    RAISED = "raised"
    STILL_RAISED = "still_raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to the alert of one key.

    Attributes:
        measurement: None when the key is no longer measured, which clears its alert.
        threshold: the limit in force, in the unit of the metric.
        message: for people: the measurement in words, or that the key is no longer measured.
    """

    key: AlertKey
    change: Change
    measurement: Measurement | None
    threshold: float
    message: str


def decide(threshold: Threshold, value: float, is_open: bool) -> Change:
    """How a value changes the state of an alert, given whether the alert is open."""
    if is_open:
        return Change.CLEARED if threshold.is_met_by(value) else Change.STILL_RAISED
    return Change.RAISED if threshold.is_broken_by(value) else Change.NONE


def decide_all(
    thresholds: Thresholds, measurements: Collection[Measurement], still_open: Collection[AlertKey]
) -> list[Decision]:
    """Decides every alert; the result is ordered by metric name, then by subject.

    Args:
        thresholds: of all metrics.
        measurements: at most one per key.
        still_open: keys of open alerts; an alert whose key is not measured is cleared.

    Returns:
        Only decisions that raise an alert, keep it raised, or clear it.
    """
    found: Mapping[AlertKey, Measurement] = {one.key: one for one in measurements}
    decisions = []
    for key in sorted({*found, *still_open}, key=lambda key: (key.metric.value, key.subject)):
        threshold = thresholds.of(key.metric)
        measured = found.get(key)
        if measured is None:
            words = f"{key.subject}: {_GONE}"
            decisions.append(Decision(key, Change.CLEARED, None, threshold.limit, words))
            continue
        change = decide(threshold, measured.value, key in still_open)
        if change is not Change.NONE:
            words = describe(measured, threshold.limit)
            decisions.append(Decision(key, change, measured, threshold.limit, words))
    return decisions


def describe(measured: Measurement, limit: float) -> str:
    """A measurement in words, with its threshold."""
    subject, value = measured.key.subject, measured.value
    match measured.key.metric:
        case Metric.COMPLETENESS:
            # Rounded down, so that 100% is reported only when nothing is missing.
            rounded = int(value * 1000) / 1000
            words = (
                f"{subject}: {rounded:.3f}% of the expected candles, at least {limit:g}% are due"
            )
        case Metric.FRESHNESS:
            late, most = timedelta(seconds=round(value)), timedelta(seconds=limit)
            words = f"{subject}: the newest candle is {late} overdue, at most {most} is right"
        case Metric.LOADING:
            still, most = timedelta(seconds=round(value)), timedelta(seconds=limit)
            words = f"{subject}: loading has brought nothing for {still}, at most {most} is right"
        case Metric.ERROR_RATE:
            words = f"{subject}: {value:.2f}% fail, at most {limit:g}% may"
        case Metric.WEIGHT:
            words = f"{subject}: {value:.1f}% of the weight limit used, at most {limit:g}% is due"
        case Metric.CORRECTIONS:
            words = f"{subject}: {value:,.0f} candles corrected in 24 hours, at most {limit:,.0f}"
        case Metric.UNIVERSE:
            words = f"{subject}: refused, with {value:.1f}% of the pairs that were due"
    return f"{words} ({measured.detail})" if measured.detail else words
