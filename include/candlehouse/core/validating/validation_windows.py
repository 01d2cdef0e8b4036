"""What a validation is about, how it is cut into windows, and what it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import NamedTuple

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Span
from candlehouse.core.timeframe import DAY, EPOCH, Timeframe, midnight

# After every candle that there can be: rows beyond the exchange's clock are looked at too.
END = datetime(9999, 1, 1, tzinfo=UTC)
ALWAYS = Span(EPOCH, END)
# Folder of the pages, below CANDLEHOUSE_HOME.
PAGES = "validation"
# What a window may hold: more takes the server longer at a time and no less in all.
MOST_CANDLES = 500_000
# What another window would cost more than.
LITTLE = 50_000


class Reach(Enum):
    """How much of what is stored is validated.

    `NEW` is what was loaded or changed since it was last looked at, or was not good then.
    """

    NEW = "new"
    EVERYTHING = "everything"
    RANGE = "range"


class Severity(Enum):
    """Whether a broken expectation fails the run; one that only warns is on record."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ValidationScope:
    """What a run is to validate.

    Attributes:
        symbols: empty for all.
        timeframes: empty for all that are collected or held.
        span: given exactly when the reach is a range.
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
    """The scope that a person asks for; a range takes the place of the reach.

    Raises:
        ConfigurationError: when one end of the range is missing or they are out of order.
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
    """Where the candles of a timeframe lie.

    Attributes:
        series: of how many symbols there are any.
        span: from the first day to after the last one on which any is held.
    """

    series: int
    span: Span


class StoredDay(NamedTuple):
    """How many slots of a symbol's UTC day are held."""

    day: date
    symbol: str
    slots: int


class Window(NamedTuple):
    """What is looked at together: of some symbols, all candles of whole UTC days.

    Attributes:
        symbols: empty for all.
    """

    symbols: tuple[str, ...]
    span: Span


def find_reach(scope: ValidationScope) -> Span:
    """The range, in whole UTC days, that a run looks at all of or finds what is new in."""
    if scope.span is None:
        return ALWAYS
    return Span(_floor(scope.span.start), _ceil(scope.span.end))


def gather_windows(
    timeframe: Timeframe, days: Iterable[StoredDay], most: int = MOST_CANDLES
) -> list[Window]:
    """Windows that together have every one of the days, and no day of a symbol twice.

    A window also has days between, and those of its other symbols, that were not asked for:
    where that spares the next window, and all is at most three times what is asked for, or
    little anyway.
    Long histories become windows of few symbols, whose candles lie side by side on disk.

    Args:
        timeframe: of the candles.
        days: by symbol, and by day within each symbol.
        most: candles that a window has room for; one day of one window may be more.
    """
    windows: list[Window] = []
    asked = room = 0
    for one in days:
        if windows and midnight(one.day) >= windows[-1].span.start:
            joined = _join(windows[-1], one)
            more = _count_room(timeframe, joined) - room
            limit = min(most, max(LITTLE, 3 * (asked + one.slots)))
            if room + more <= limit and more <= max(LITTLE, one.slots):
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
    most: int = MOST_CANDLES,
) -> list[Window]:
    """Cuts a range into windows that lie side by side and leave nothing of it out.

    Where candles are held, a window has as many whole days as hold at most `most` of them,
    but at least one; what lies before and after belongs to the first and the last.

    Args:
        timeframe: of the candles.
        symbols: of all windows, empty for all there are.
        span: in whole UTC days.
        held: None when nothing is.
        most: candles a window.
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
    """What became of one expectation, over all windows of a run.

    Attributes:
        suite: it belongs to.
        timeframe: it was about, None for an expectation that is about none.
        expectation: what must be, in words.
        checked: rows that were looked at.
        unexpected: how many of them, or of groups of them, are not as they must be.
        samples: the first of those; values are text, None where there is none.
        exception: why it could not be evaluated.
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
        """Whether it was evaluated, and all rows are as they must be."""
        return self.unexpected == 0 and self.exception is None

    @property
    def fails_run(self) -> bool:
        """Whether the run fails by it: one that could not be evaluated fails any run."""
        return self.exception is not None or (
            self.unexpected > 0 and self.severity is Severity.CRITICAL
        )

    def __str__(self) -> str:
        where = self.suite if self.timeframe is None else f"{self.suite} {self.timeframe}"
        if self.exception is not None:
            return f"{where}: could not tell whether {self.expectation}: {self.exception}"
        if self.success:
            return f"{where}: {self.expectation}: {self.checked:,} rows"
        rows = "; ".join(_tell(sample) for sample in self.samples)
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


def _tell(sample: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sample.items())


def _floor(moment: datetime) -> datetime:
    return Timeframe.D1.floor(moment)


def _ceil(moment: datetime) -> datetime:
    return Timeframe.D1.ceil(moment)
