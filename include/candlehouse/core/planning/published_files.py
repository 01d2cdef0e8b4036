"""The exchange's published files of candles: which there are, and when one is worth taking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from candlehouse.core.model import Page, Series, Span
from candlehouse.core.months import month_after, month_of
from candlehouse.core.timeframe import DAY

_LOOK_AGAIN = timedelta(hours=20)
# For a file that is old and not there: nobody publishes it tomorrow.
_LOOK_AGAIN_OLD = timedelta(days=30)


class Tree(Enum):
    """What one file holds."""

    MONTHLY = "monthly"
    DAILY = "daily"


class ArchiveFile(NamedTuple):
    """One published file: a UTC day or calendar month of a series.

    Attributes:
        start: its first midnight.
    """

    series: Series
    tree: Tree
    start: datetime

    @property
    def span(self) -> Span:
        """The whole of the day or month, half-open."""
        return Span(self.start, _next(self.tree, self.start))

    @property
    def slots(self) -> int:
        """How many candles it has when none is missing."""
        return (self.span.end - self.start) // self.series.timeframe.length

    @property
    def stem(self) -> str:
        """Its name without a suffix, which is also that of the text inside."""
        period = f"{self.start:%Y-%m}" if self.tree is Tree.MONTHLY else f"{self.start:%Y-%m-%d}"
        return f"{self.series.symbol}-{self.series.timeframe}-{period}"

    def __str__(self) -> str:
        return f"{self.stem}.zip ({self.tree.value})"


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """The published files of an exchange: where they are, and when.

    Attributes:
        layout: path of a file below the archive's base URL, without a leading slash; with
            the fields `tree`, `symbol`, `timeframe` and `stem`.
        first_month: the first that any file is of.
        daily_delay: after the end of a day its file may be published, no earlier.
        monthly_weekday: the first of these days after the end of a month (0 is Monday) ...
        monthly_delay: ... and so long after its midnight the month's file may be published.
        settled_after: the end of its day or month a file is not replaced any more.
    """

    layout: str
    first_month: datetime
    daily_delay: timedelta
    monthly_weekday: int
    monthly_delay: timedelta
    settled_after: timedelta

    def path_of(self, file: ArchiveFile) -> str:
        """Where a file is below the archive's base URL, without a leading slash."""
        symbol, timeframe = file.series
        return self.layout.format(
            tree=file.tree.value, symbol=symbol, timeframe=timeframe, stem=file.stem
        )

    def expected_at(self, file: ArchiveFile) -> datetime:
        """The earliest moment at which a file may be published.

        Asked for earlier, it would only be known to be missing.
        """
        end = file.span.end
        if file.tree is Tree.DAILY:
            return end + self.daily_delay
        return end + (self.monthly_weekday - end.weekday()) % 7 * DAY + self.monthly_delay


def files_over(series: Series, tree: Tree, span: Span) -> Iterator[ArchiveFile]:
    """The files that together cover `span`, ascending; the outer ones may reach beyond it."""
    at = span.start.replace(hour=0, minute=0, second=0, microsecond=0)
    if tree is Tree.MONTHLY:
        at = month_of(at)
    while at < span.end:
        yield ArchiveFile(series, tree, at)
        at = _next(tree, at)


def _next(tree: Tree, start: datetime) -> datetime:
    if tree is Tree.DAILY:
        return start + DAY
    return month_after(start)


class FileState(Enum):
    """What became of a file when it was last asked for."""

    LOADED = "loaded"
    # Not published, or not any more.
    MISSING = "missing"
    # Its text does not have the published checksum, or is none.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What is known of a file that was asked for.

    Attributes:
        sha256: of the bytes that were loaded, None of others.
        rows: candles that it had.
        checked_at: exchange time at which it was last looked at.
    """

    file: ArchiveFile
    state: FileState
    checked_at: datetime
    sha256: str | None = None
    rows: int | None = None

    def may_help(self, pending: int, now: datetime, facts: ArchiveFacts) -> bool:
        """Whether asking for it again may bring `pending` slots that are not held.

        A file that was loaded does when more is pending than it lacked itself: what it
        brought is gone then.
        """
        if self.state is FileState.LOADED:
            return pending > self.file.slots - (self.rows or 0)
        return self.is_due(now, facts)

    def is_due(self, now: datetime, facts: ArchiveFacts) -> bool:
        """Whether it is time to look at it again, by its age when it was looked at."""
        old = self.checked_at - self.file.span.end > facts.settled_after
        return self.checked_at + (_LOOK_AGAIN_OLD if old else _LOOK_AGAIN) <= now


@dataclass(frozen=True, slots=True)
class Published:
    """Which files may be planned with.

    Attributes:
        now: the exchange's time.
        facts: of the archive.
        known: of the files that were asked for earlier.
    """

    now: datetime
    facts: ArchiveFacts
    known: Mapping[ArchiveFile, KnownFile] = field(default_factory=dict)

    def may_help(self, file: ArchiveFile, pending: int) -> bool:
        """Whether `file` may bring `pending` slots that lie in it."""
        if self.facts.expected_at(file) > self.now:
            return False
        known = self.known.get(file)
        return known is None or known.may_help(pending, self.now, self.facts)


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file as it was received, its checksum verified.

    Attributes:
        page: its candles inside the span asked for.
        sha256: of the zip, as published beside it.
        size: of the zip, in bytes.
        rows: of the whole file, without those that are refused.
    """

    file: ArchiveFile
    page: Page
    sha256: str
    size: int
    rows: int
