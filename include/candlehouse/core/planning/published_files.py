"""The exchange's published files of candles: which exist, and when one is worth downloading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from candlehouse.core.candles.pages import Page
from candlehouse.core.model import Series, Span
from candlehouse.core.months import month_after, month_of
from candlehouse.core.timeframe import DAY

_LOOK_AGAIN = timedelta(hours=20)
# For a missing old file, which is unlikely to be published soon.
_LOOK_AGAIN_OLD = timedelta(days=30)


class Tree(Enum):
    """The period that one file covers, named as the archive's folder."""

    MONTHLY = "monthly"
    DAILY = "daily"


class ArchiveFile(NamedTuple):
    """One published file: a UTC day or calendar month of a series.

    Attributes:
        start: first midnight of the period, UTC.
    """

    series: Series
    tree: Tree
    start: datetime

    @property
    def span(self) -> Span:
        """The whole day or month, half-open."""
        return Span(self.start, _next(self.tree, self.start))

    @property
    def slots(self) -> int:
        """How many candles the file has when none is missing."""
        return (self.span.end - self.start) // self.series.timeframe.length

    @property
    def stem(self) -> str:
        """The name without suffix, such as BTCUSDT-1h-2024-01, shared by the CSV inside the zip."""
        period = f"{self.start:%Y-%m}" if self.tree is Tree.MONTHLY else f"{self.start:%Y-%m-%d}"
        return f"{self.series.symbol}-{self.series.timeframe}-{period}"

    def __str__(self) -> str:
        return f"{self.stem}.zip ({self.tree.value})"


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """Where an exchange publishes files, and when.

    Attributes:
        layout: format of a file's path below the archive's base URL, without a leading slash, with
            the fields `tree`, `symbol`, `timeframe` and `stem`.
        first_month: the first month of which files exist.
        daily_delay: earliest publication of a daily file after the end of its day.
        monthly_weekday: a monthly file is published no earlier than on the first such weekday
            after the end of its month (0 is Monday),
        monthly_delay: and this long after midnight of that weekday.
        settled_after: this long after the end of its period a file is not replaced any more.
    """

    layout: str
    first_month: datetime
    daily_delay: timedelta
    monthly_weekday: int
    monthly_delay: timedelta
    settled_after: timedelta

    def path_of(self, file: ArchiveFile) -> str:
        """The path of a file below the archive's base URL, without a leading slash."""
        symbol, timeframe = file.series
        return self.layout.format(
            tree=file.tree.value, symbol=symbol, timeframe=timeframe, stem=file.stem
        )

    def expected_at(self, file: ArchiveFile) -> datetime:
        """The earliest moment at which a file may be published; an earlier request is pointless."""
        end = file.span.end
        if file.tree is Tree.DAILY:
            return end + self.daily_delay
        return end + (self.monthly_weekday - end.weekday()) % 7 * DAY + self.monthly_delay


def files_over(series: Series, tree: Tree, span: Span) -> Iterator[ArchiveFile]:
    """The files that together cover `span`, ascending; the first and last may extend beyond it."""
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
    """The result of the last request for a file."""

    LOADED = "loaded"
    # Not published, or no longer published.
    MISSING = "missing"
    # The content does not match the published checksum, or is not a file of candles.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """The result of the last request for a file.

    Attributes:
        checked_at: exchange time of the last request.
        sha256: of the zip that was loaded, in hexadecimal; None unless the state is LOADED.
        rows: number of candles in the file; None unless the state is LOADED.
    """

    file: ArchiveFile
    state: FileState
    checked_at: datetime
    sha256: str | None = None
    rows: int | None = None

    def may_help(self, pending: int, now: datetime, facts: ArchiveFacts) -> bool:
        """Whether requesting the file again may bring any of `pending` slots that are not stored.

        A loaded file may help when more slots are pending than the file itself lacked: then candles
        that it had brought have been removed.
        """
        if self.state is FileState.LOADED:
            return pending > self.file.slots - (self.rows or 0)
        return self.is_due(now, facts)

    def is_due(self, now: datetime, facts: ArchiveFacts) -> bool:
        """Whether to look at the file again; old files are looked at less often."""
        old = self.checked_at - self.file.span.end > facts.settled_after
        return self.checked_at + (_LOOK_AGAIN_OLD if old else _LOOK_AGAIN) <= now


@dataclass(frozen=True, slots=True)
class Published:
    """The files that a plan may use.

    Attributes:
        now: the exchange's time.
        facts: of the archive.
        known: results of earlier requests.
    """

    now: datetime
    facts: ArchiveFacts
    known: Mapping[ArchiveFile, KnownFile] = field(default_factory=dict)

    def may_help(self, file: ArchiveFile, pending: int) -> bool:
        """Whether `file` may bring any of the `pending` slots that lie in its period."""
        if self.facts.expected_at(file) > self.now:
            return False
        known = self.known.get(file)
        return known is None or known.may_help(pending, self.now, self.facts)


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A downloaded file whose checksum was verified.

    Attributes:
        page: its candles inside the requested span.
        sha256: of the zip, in hexadecimal, as published beside it.
        size: of the zip, in bytes.
        rows: number of rows in the whole file, without refused rows.
    """

    file: ArchiveFile
    page: Page
    sha256: str
    size: int
    rows: int
