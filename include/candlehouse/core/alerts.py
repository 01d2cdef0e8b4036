"""When something is wrong enough to be told, and when it is right again.

A measurement is compared with a threshold; between raising and clearing lies a margin, so
that a value that moves about the threshold does not flap.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import NamedTuple

from candlehouse.core.planning.loading import STALLED_AFTER

# The part of the way to a perfect value that one must have come to be right again.
_MARGIN = 0.1
_GONE = "not measured any more"


class Metric(Enum):
    """What is measured; its value names its alerts."""

    COMPLETENESS = "completeness"
    FRESHNESS = "freshness"
    LOADING = "loading"
    ERROR_RATE = "error_rate"
    WEIGHT = "weight"
    CORRECTIONS = "corrections"
    UNIVERSE = "universe"


class AlertKey(NamedTuple):
    """What an alert is about: there is at most one that is open.

    Attributes:
        subject: a timeframe, or what else the metric is measured of.
    """

    metric: Metric
    subject: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where a metric is wrong.

    Attributes:
        limit: that is just right still.
        perfect: the best value there is; on which side of `limit` it lies says which is wrong.
    """

    limit: float
    perfect: float

    def is_broken_by(self, value: float) -> bool:
        """Whether the value is wrong."""
        return value < self.limit if self.perfect >= self.limit else value > self.limit

    def is_met_by(self, value: float) -> bool:
        """Whether the value is so right that an alert is over."""
        cleared = self.limit + _MARGIN * (self.perfect - self.limit)
        return value >= cleared if self.perfect >= self.limit else value <= cleared


@dataclass(frozen=True, slots=True)
class Thresholds:
    """One for each metric.

    Attributes:
        completeness: percent of the expected candles that are present, or absent with a reason.
        freshness: how long the newest candle of a series may be overdue.
        error_rate: percent of messages that are refused, and of series that fail.
        weight: percent of the exchange's limit that is used in a minute.
        corrections: candles that other values replaced in 24 hours.
    """

    completeness: float
    freshness: timedelta
    error_rate: float
    weight: float
    corrections: int

    def of(self, metric: Metric) -> Threshold:
        """The threshold of a metric, in the units of its measurements."""
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
    """A value as it was found.

    Attributes:
        value: percent, seconds or a count, as the metric has it.
        detail: where it is worst, in words; may be empty.
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
    """What becomes of an alert.

    Attributes:
        measurement: None when nothing can be measured any more, which clears it.
        message: for people: the measurement, or that there is none.
    """

    key: AlertKey
    change: Change
    measurement: Measurement | None
    threshold: float
    message: str


def decide(threshold: Threshold, value: float, is_open: bool) -> Change:
    """What a value does to an alert that is open or not."""
    if is_open:
        return Change.CLEARED if threshold.is_met_by(value) else Change.STILL_RAISED
    return Change.RAISED if threshold.is_broken_by(value) else Change.NONE


def decide_all(
    thresholds: Thresholds, measurements: Collection[Measurement], still_open: Collection[AlertKey]
) -> list[Decision]:
    """What becomes of every alert, in the order of their keys' texts.

    Args:
        thresholds: of all metrics.
        measurements: at most one of a key.
        still_open: keys of open alerts; one that is not measured any more is cleared.

    Returns:
        Only what is raised, was raised, or is cleared.
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
            # Rounded down: 100 is said only when it is true.
            told = int(value * 1000) / 1000
            words = f"{subject}: {told:.3f}% of the expected candles, at least {limit:g}% are due"
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
