"""The scope of a validation, the windows that it is cut into, and its results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import NamedTuple

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Span
from candlehouse.core.timeframe import DAY, EPOCH, Timeframe, midnight

# Later than any candle, so that rows beyond the exchange's clock are validated too.
END = datetime(9999, 1, 1, tzinfo=UTC)
ALL_TIME = Span(EPOCH, END)
# Folder of the generated pages, below CANDLEHOUSE_HOME.
PAGES = "validation"
# Candles per window: larger windows take longer each and save no time in total.
MAX_WINDOW_CANDLES = 500_000
# Reading this many candles too many costs less than another window.
SMALL_WINDOW_CANDLES = 50_000


class Reach(Enum):
    """Which stored candles are validated.

    `NEW` are candles that were loaded or changed since their last validation, or failed it.
    """

    NEW = "new"
    EVERYTHING = "everything"
    RANGE = "range"


class Severity(Enum):
    """Whether a broken expectation fails the run (CRITICAL) or is only recorded (WARNING)."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ValidationScope:
    """What a run is to validate.

    Attributes:
        symbols: empty for all.
        timeframes: empty for all that are collected or stored.
        span: half-open; given exactly when the reach is RANGE.
    """

    reach: Reach
    symbols: tuple[str, ...] = ()
    timeframes: tuple[Timeframe, ...] = ()
    span: Span | None = None


def choose_scope(
    reach: Reach,
    symbols: tuple[str, ...],
    timeframes: tuple[Timeframe, ...],
    start: datetime | None,
    end: datetime | None,
) -> ValidationScope:
    """The scope that a person requests; a range replaces the reach.

    Args:
        reach: used when no range is given.
        symbols: empty for all.
        timeframes: empty for all that are collected or stored.
        start: inclusive.
        end: exclusive.

    Raises:
        ConfigurationError: when only one end of the range is given, or they are out of order.
    """
    if start is None and end is None:
        return ValidationScope(reach, symbols, timeframes)
    if start is None or end is None:
        missing = "start" if start is None else "end"
        raise ConfigurationError(f"{missing} is missing: give both start and end, or neither")
    if start >= end:
        raise ConfigurationError(f"start {start.isoformat()} is not before end {end.isoformat()}")
    return ValidationScope(Reach.RANGE, symbols, timeframes, Span(start, end))


@dataclass(frozen=True, slots=True)
class Held:
    """The extent of the stored candles of a timeframe.

    Attributes:
        series: number of symbols with stored candles.
        span: from the first day with candles to the end of the last one, half-open.
    """

    series: int
    span: Span


class StoredDay(NamedTuple):
    """How many slots of a symbol's UTC day are stored."""

    day: date
    symbol: str
    slots: int


class Window(NamedTuple):
    """The unit of validation: all candles of some symbols in whole UTC days.

    Attributes:
        symbols: empty for all.
        span: half-open.
    """

    symbols: tuple[str, ...]
    span: Span


def find_reach(scope: ValidationScope) -> Span:
    """The range, in whole UTC days, that a run covers."""
    if scope.span is None:
        return ALL_TIME
    return Span(_floor(scope.span.start), _ceil(scope.span.end))


def gather_windows(
    timeframe: Timeframe, days: Iterable[StoredDay], most: int = MAX_WINDOW_CANDLES
) -> list[Window]:
    """Windows that together contain all the days; no day of a symbol is in two windows.

    A window may also contain days of its symbols that were not requested, where that saves another
    window and the window stays within three times the requested candles, or small anyway.
    Long histories become windows of few symbols, whose candles are adjacent on disk.

    Args:
        timeframe: of the candles.
        days: ordered by symbol, then by day.
        most: highest number of candles per window; a window of a single day may have more.
    """
    windows: list[Window] = []
    asked = room = 0
    for one in days:
        if windows and midnight(one.day) >= windows[-1].span.start:
            joined = _join(windows[-1], one)
            more = _count_room(timeframe, joined) - room
            limit = min(most, max(SMALL_WINDOW_CANDLES, 3 * (asked + one.slots)))
            if room + more <= limit and more <= max(SMALL_WINDOW_CANDLES, one.slots):
                windows[-1] = joined
                asked, room = asked + one.slots, room + more
                continue
        windows.append(Window((one.symbol,), Span(midnight(one.day), midnight(one.day) + DAY)))
        asked, room = one.slots, timeframe.slots_per_day
    return windows


def _join(window: Window, one: StoredDay) -> Window:
    """The window with one more day, which begins no earlier than the window does."""
    symbols, (start, end) = window
    if symbols[-1] != one.symbol:
        symbols = (*symbols, one.symbol)
    return Window(symbols, Span(start, max(end, midnight(one.day) + DAY)))


def _count_room(timeframe: Timeframe, window: Window) -> int:
    days = (window.span.end - window.span.start) // DAY
    return days * len(window.symbols) * timeframe.slots_per_day


def plan_windows(
    timeframe: Timeframe,
    symbols: tuple[str, ...],
    span: Span,
    held: Held | None,
    most: int = MAX_WINDOW_CANDLES,
) -> list[Window]:
    """Cuts a range into adjacent windows that together cover all of it.

    Where candles are stored, a window has as many whole days as hold at most `most` candles, but
    at least one; the time before and after is part of the first and the last window.

    Args:
        timeframe: of the candles.
        symbols: of all windows, empty for all there are.
        span: in whole UTC days.
        held: extent of the stored candles, None when nothing is stored.
        most: highest number of candles per window.
    """
    if held is None:
        return [Window(symbols, span)]
    step = max(1, most // (held.series * timeframe.slots_per_day)) * DAY
    cuts = [span.start]
    cut = max(span.start, held.span.start) + step
    while cut < min(span.end, held.span.end):
        cuts.append(cut)
        cut += step
    ends = [*cuts[1:], span.end]
    return [Window(symbols, Span(*pair)) for pair in zip(cuts, ends, strict=True)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one expectation over all windows of a run.

    Attributes:
        suite: the suite that contains the expectation.
        timeframe: that was validated, None for an expectation that concerns no timeframe.
        expectation: the condition, in words.
        checked: number of rows that were checked.
        unexpected: number of rows, or groups of rows, that break the condition.
        samples: the first of these rows; values are text, None for NULL.
        exception: why the expectation could not be evaluated, None when it was.
    """

    suite: str
    timeframe: Timeframe | None
    expectation: str
    severity: Severity
    checked: int = 0
    unexpected: int = 0
    samples: tuple[Mapping[str, str | None], ...] = ()
    exception: str | None = None

    @property
    def success(self) -> bool:
        """Whether the expectation was evaluated and all rows meet it."""
        return self.unexpected == 0 and self.exception is None

    @property
    def fails_run(self) -> bool:
        """Whether the expectation fails the run; one that could not be evaluated always does."""
        return self.exception is not None or (
            self.unexpected > 0 and self.severity is Severity.CRITICAL
        )

    def __str__(self) -> str:
        where = self.suite if self.timeframe is None else f"{self.suite} {self.timeframe}"
        if self.exception is not None:
            return f"{where}: could not evaluate whether {self.expectation}: {self.exception}"
        if self.success:
            return f"{where}: {self.expectation}: {self.checked:,} rows"
        rows = "; ".join(_describe_sample(sample) for sample in self.samples)
        return (
            f"{where}: NOT {self.expectation}: {self.unexpected:,} of {self.checked:,} rows: {rows}"
        )


def merge_outcomes(outcomes: Sequence[Outcome], samples: int) -> list[Outcome]:
    """One outcome an expectation: what its windows found, added up.

    Args:
        outcomes: in the order of their windows.
        samples: how many rows are kept.
    """
    merged: dict[tuple[str, Timeframe | None, str], Outcome] = {}
    for one in outcomes:
        key = (one.suite, one.timeframe, one.expectation)
        before = merged.get(key)
        merged[key] = one if before is None else _add(before, one, samples)
    return list(merged.values())


def _add(before: Outcome, one: Outcome, samples: int) -> Outcome:
    return Outcome(
        one.suite,
        one.timeframe,
        one.expectation,
        one.severity,
        before.checked + one.checked,
        before.unexpected + one.unexpected,
        (*before.samples, *one.samples)[:samples],
        before.exception or one.exception,
    )


def _describe_sample(sample: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sample.items())


def _floor(moment: datetime) -> datetime:
    return Timeframe.D1.floor(moment)


def _ceil(moment: datetime) -> datetime:
    return Timeframe.D1.ceil(moment)
