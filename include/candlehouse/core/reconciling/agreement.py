"""How far a source and what is stored agree, counted a UTC day at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from candlehouse.core.gaps import clamp_span, subtract_spans
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.published_files import ArchiveFacts, ArchiveFile, Tree, files_over
from candlehouse.core.timeframe import DAY, midnight

# What a run looks back over that is given no range. Files appear hours after their day and
# at times a day later, so each day is compared with its file once it is there for certain.
WINDOW = 3 * DAY

# From how long a part of a month on its file is cheaper than those of the days.
_WORTH_A_MONTH = 3 * DAY

# For how long a file may be late before that is worth anybody's attention.
_LATE = DAY


@dataclass(frozen=True, slots=True)
class Agreement:
    """One source beside what was stored from one source, within one UTC day of a series.

    Attributes:
        span: of that day, what was compared; half-open.
        stored_from: where the stored candles had come from; None for what was not stored.
        compared: candles that both have.
        differing: those of them that had other values.
        held_only: stored, and the source does not have them.
        source_only: the source has them, and they were not stored.
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
    """What a source that answered for all of `span` says of what was stored in it.

    Args:
        span: half-open; may reach over midnights.
        stored: open times of what was stored, each with where it came from.
        brought: open times of what the source has.
        differing: those of both that had other values.

    Returns:
        At least one a day, days ascending, in no order within one.
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
    """The whole days that a run without a range looks back over, and today up to `now`."""
    return Span(_day(now) - WINDOW, now)


def choose_files(
    series: Series, span: Span, now: datetime, facts: ArchiveFacts
) -> list[ArchiveFile]:
    """The fewest files that may be published of all days of `span`, no two of one slot.

    Args:
        series: whose files.
        span: half-open; the outer files may reach beyond it.
        now: the exchange's time.
        facts: of the archive.
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
    """The files of days of `span` that may be published, ascending."""
    days = files_over(series, Tree.DAILY, span)
    return [file for file in days if facts.expected_at(file) <= now]


def is_late(file: ArchiveFile, now: datetime, facts: ArchiveFacts) -> bool:
    """Whether a file that is not published should have been long ago."""
    return facts.expected_at(file) + _LATE <= now


def _length(span: Span | None) -> timedelta:
    return timedelta() if span is None else span.end - span.start


def _day(moment: datetime) -> datetime:
    return midnight(moment.date())
