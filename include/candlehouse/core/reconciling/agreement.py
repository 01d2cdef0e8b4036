"""Counts per UTC day how far a source and the stored candles agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from candlehouse.core.gaps import clamp_span, subtract_spans
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.published_files import ArchiveFacts, ArchiveFile, Tree, files_over
from candlehouse.core.timeframe import DAY, midnight

# The range of a run that was given none. Files appear hours after their day, at times a day
# later, so this many days compare each day with its file at least once.
WINDOW = 3 * DAY

# For a longer part of a month its monthly file is cheaper than daily files.
_WORTH_A_MONTH = 3 * DAY

# For how long a file may be late without a warning.
_LATE = DAY


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of one source with the candles stored from one source, in one UTC day of a series.

    Attributes:
        span: the compared part of that day; half-open.
        stored_from: the source of the stored candles; None for candles that were not stored.
        compared: number of candles that both have.
        differing: number of compared candles with different values.
        held_only: number of stored candles that the source does not have.
        source_only: number of candles of the source that were not stored.
    """

    span: Span
    stored_from: Source | None
    compared: int = 0
    differing: int = 0
    held_only: int = 0
    source_only: int = 0


def count_agreement(
    span: Span,
    stored: Mapping[datetime, Source],
    brought: Collection[datetime],
    differing: Collection[datetime],
) -> list[Agreement]:
    """Counts per day and stored source how a source that answered for all of `span` agrees.

    Args:
        span: half-open; may contain midnights.
        stored: open times of the stored candles, each with its source.
        brought: open times of the source's candles.
        differing: open times of candles that both have with different values.

    Returns:
        At least one per day, days ascending; unordered within a day.
    """
    has, differs = frozenset(brought), frozenset(differing)
    counts: Counter[tuple[datetime, Source | None, str]] = Counter()
    for opens, source in stored.items():
        day = _day(opens)
        counts[day, source, "compared" if opens in has else "held_only"] += 1
        counts[day, source, "differing"] += opens in differs
    for opens in has - stored.keys():
        counts[_day(opens), None, "source_only"] += 1
    found = []
    for part in split_days(span):
        day = _day(part.start)
        sources = {source for of_day, source, _ in counts if of_day == day} or {None}
        found += [
            Agreement(part, source, *(counts[day, source, name] for name in _FIGURES))
            for source in sources
        ]
    return found


_FIGURES = ("compared", "differing", "held_only", "source_only")


def split_days(span: Span) -> list[Span]:
    """The parts of `span` that lie in one UTC day each, ascending."""
    parts = []
    at = span.start
    while at < span.end:
        end = min(span.end, _day(at) + DAY)
        parts.append(Span(at, end))
        at = end
    return parts


def rolling_window(now: datetime) -> Span:
    """The last whole days that a run without a range compares, and today up to `now`."""
    return Span(_day(now) - WINDOW, now)


def choose_files(
    series: Series, span: Span, now: datetime, facts: ArchiveFacts
) -> list[ArchiveFile]:
    """The fewest files, without overlap, that may be published by now and cover `span`.

    Args:
        series: whose files.
        span: half-open; the first and last file may extend beyond it.
        now: the exchange's time.
        facts: of the archive.

    Returns:
        Ascending by start.
    """
    months = [
        file
        for file in files_over(series, Tree.MONTHLY, span)
        if facts.expected_at(file) <= now and _length(clamp_span(span, file.span)) > _WORTH_A_MONTH
    ]
    chosen = list(months)
    for rest in subtract_spans([span], [file.span for file in months]):
        chosen += choose_days(series, rest, now, facts)
    return sorted(chosen, key=lambda file: file.start)


def choose_days(
    series: Series, span: Span, now: datetime, facts: ArchiveFacts
) -> list[ArchiveFile]:
    """The daily files of `span` that may be published by now, ascending."""
    days = files_over(series, Tree.DAILY, span)
    return [file for file in days if facts.expected_at(file) <= now]


def is_late(file: ArchiveFile, now: datetime, facts: ArchiveFacts) -> bool:
    """Whether a file that is not published is overdue by more than a day."""
    return facts.expected_at(file) + _LATE <= now


def _length(span: Span | None) -> timedelta:
    return timedelta() if span is None else span.end - span.start


def _day(moment: datetime) -> datetime:
    return midnight(moment.date())
