"""The three windows of collection: which time range a run fetches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Span
from candlehouse.core.months import month_of
from candlehouse.core.timeframe import Timeframe

# Below this a second process costs more than it saves: one stores 100,000 candles per second, and
# runs of several months go side by side.
GROUP_CANDLES = 1_000_000


class Window(Enum):
    """Which part of the wanted candles a run fetches."""

    BACKWARD = "backward"
    FORWARD = "forward"
    GAPS = "gaps"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is to collect.

    Attributes:
        timeframes: empty for those of the settings; in the GAPS window also for any other timeframe
            of which candles are wanted or were asked for.
        symbols: empty for every symbol that was ever in the universe; in the GAPS window also for
            any other symbol of which candles are wanted or were asked for.
        span: a range requested by a person, used as it is; None for the window's own range.
        interval: data interval of a scheduled or backfill run; only its part inside
            [start of collection, now) counts.
    """

    window: Window
    timeframes: tuple[Timeframe, ...] = ()
    symbols: tuple[str, ...] = ()
    span: Span | None = None
    interval: Span | None = None

    def narrow(self, symbols: Sequence[str]) -> Scope:
        """A copy of the scope for some of its symbols."""
        return replace(self, symbols=tuple(symbols))


def check_span(start: datetime | None, end: datetime | None, now: datetime) -> Span | None:
    """The range that a person requests: both ends or neither.

    Args:
        start: inclusive.
        end: exclusive; may lie after `now`, candles that have not closed are left out.
        now: the exchange's time.

    Returns:
        None when neither is given.

    Raises:
        ConfigurationError: when only one is given, they are out of order, or `start` lies in the
            future.
    """
    if start is None and end is None:
        return None
    if start is None or end is None:
        missing = "start" if start is None else "end"
        raise ConfigurationError(f"{missing} is missing: give both start and end, or neither")
    if start >= end:
        raise ConfigurationError(f"start {start.isoformat()} is not before end {end.isoformat()}")
    if start >= now:
        raise ConfigurationError(
            f"start {start.isoformat()} is in the future: the exchange's clock says"
            f" {now.isoformat()}"
        )
    return Span(start, end)


def window_span(scope: Scope, collection_start: datetime, now: datetime) -> Span | None:
    """The range that is fetched for every series in a backward or forward run.

    Returns:
        None when no part of the range is wanted yet, and for the GAPS window, in which each series
        has a range of its own.

    Raises:
        ConfigurationError: for a backward run without a range.
    """
    if scope.span is not None:
        return scope.span
    if scope.window is Window.GAPS:
        return None
    if scope.window is Window.FORWARD:
        span = Span(max(month_of(now), collection_start), now)
    elif scope.interval is None:
        raise ConfigurationError("start and end are missing: which months are to be collected?")
    else:
        span = Span(max(scope.interval.start, collection_start), min(scope.interval.end, now))
    return span if span.start < span.end else None


def count_groups(candles: int, most: int) -> int:
    """How many processes share the work of storing `candles`: at least 1, at most `most`."""
    return min(most, 1 + candles // GROUP_CANDLES)


def split_groups(symbols: Sequence[str], groups: int) -> list[tuple[str, ...]]:
    """Deals symbols round-robin into groups, which mixes large and small ones; none is empty."""
    return [tuple(symbols[at::groups]) for at in range(min(groups, len(symbols)))]


def scope_to_json(scope: Scope) -> dict[str, object]:
    """The scope as JSON-compatible values, to pass it between tasks."""
    return {
        "window": scope.window.value,
        "timeframes": [timeframe.value for timeframe in scope.timeframes],
        "symbols": list(scope.symbols),
        "span": _span_to_json(scope.span),
        "interval": _span_to_json(scope.interval),
    }


def scope_from_json(value: Mapping[str, object]) -> Scope:
    """The scope that `scope_to_json` has serialised."""
    timeframes, symbols = value["timeframes"], value["symbols"]
    assert isinstance(timeframes, list)
    assert isinstance(symbols, list)
    return Scope(
        Window(value["window"]),
        tuple(Timeframe(text) for text in timeframes),
        tuple(str(symbol) for symbol in symbols),
        _span_from_json(value["span"]),
        _span_from_json(value["interval"]),
    )


def _span_to_json(span: Span | None) -> list[str] | None:
    return None if span is None else [span.start.isoformat(), span.end.isoformat()]


def _span_from_json(value: object) -> Span | None:
    if value is None:
        return None
    assert isinstance(value, list)
    start, end = value
    return Span(datetime.fromisoformat(start), datetime.fromisoformat(end))
