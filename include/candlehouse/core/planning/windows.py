"""The three windows of collection: which range of time a run asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Span
from candlehouse.core.months import month_of
from candlehouse.core.timeframe import Timeframe

# Below it a second process costs more than it saves: one stores about 100,000 a second.
GROUP_CANDLES = 250_000


class Window(Enum):
    """What part of the wanted a run is about."""

    BACKWARD = "backward"
    FORWARD = "forward"
    GAPS = "gaps"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is to collect.

    Attributes:
        timeframes: empty for those of the settings, and for gaps also any other of which
            candles are wanted or were asked for.
        symbols: empty for every symbol that was ever in the universe, and for gaps also any
            other of which candles are wanted or were asked for.
        span: asked for by a person, taken as it is; None leaves the window its own.
        interval: of a scheduled or backfill run; only its part inside
            [start of collection, now) counts.
    """

    window: Window
    timeframes: tuple[Timeframe, ...] = ()
    symbols: tuple[str, ...] = ()
    span: Span | None = None
    interval: Span | None = None

    def narrow(self, symbols: Sequence[str]) -> Scope:
        """The same for a group of symbols."""
        return replace(self, symbols=tuple(symbols))


def check_span(start: datetime | None, end: datetime | None, now: datetime) -> Span | None:
    """The range that a person asks for: both ends or neither.

    Args:
        start: inclusive.
        end: exclusive; may lie after `now`: what has not closed is left out.
        now: the exchange's time.

    Raises:
        ConfigurationError: when one is missing, they are out of order, or all of the
            range lies in the future.
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
    """The range that every series of a backward or forward run is asked for.

    Returns:
        None when nothing of it is wanted yet, or for the gaps window, whose range is
        each series' own.

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
    """How many processes share the work of storing so many candles: at least one."""
    return min(most, 1 + candles // GROUP_CANDLES)


def split_groups(symbols: Sequence[str], groups: int) -> list[tuple[str, ...]]:
    """Symbols dealt out like cards, so that large and small ones mix; no empty group."""
    return [tuple(symbols[at::groups]) for at in range(min(groups, len(symbols)))]


def scope_to_json(scope: Scope) -> dict[str, object]:
    """The scope as plain JSON, to hand it from task to task."""
    return {
        "window": scope.window.value,
        "timeframes": [timeframe.value for timeframe in scope.timeframes],
        "symbols": list(scope.symbols),
        "span": _span_to_json(scope.span),
        "interval": _span_to_json(scope.interval),
    }


def scope_from_json(value: Mapping[str, object]) -> Scope:
    """The scope that `scope_to_json` wrote."""
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
