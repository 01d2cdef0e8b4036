"""Pages: the result of one request or file for a series, as unconverted text.

There are two forms, distinguished by class:

- **CheckedPage**: each row was checked when it was read, and rows that are not candles are in
  `rejected`. Answers of the REST API have this form (RestPage), streamed candles, and files that
  had to be parsed row by row.
- **PublishedPage**: unchanged lines of a published file. The database checks whether all of
  them are candles; if not, the file is parsed row by row.

Both have `series`, `span`, `source`, `rows`, `rejected` and `count`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, TypeAlias

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.published_rows import PublishedRows, join_items
from candlehouse.core.model import Series, Source, Span


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is not stored: its text, and the rule that it breaks."""

    raw: str
    rule: str
    open_time: datetime | None


@dataclass(frozen=True, slots=True)
class CheckedPage:
    """Rows that were each checked when they were read.

    Attributes:
        span: the slots of this page, half-open; every row opens in it.
        source: recorded as the source of the candles.
        rows: ascending by open time, without duplicates.
        rejected: other rows received, which are not candles of this page.
    """

    series: Series
    span: Span
    source: Source
    rows: CandleRows
    rejected: tuple[RejectedRow, ...] = ()

    @property
    def count(self) -> int:
        """Number of candles."""
        return self.rows.count

    def open_times_without(self, refused: Collection[str]) -> frozenset[datetime]:
        """Open times of the candles, without those whose values are in quarantine.

        Args:
            refused: texts of the quarantined rows, values joined by commas.
        """
        if not refused:
            return frozenset(self.rows.open_times())
        return frozenset(
            row.opens for row in self.rows.parse() if join_items(row.values) not in refused
        )


@dataclass(frozen=True, slots=True)
class RestPage(CheckedPage):
    """An answer of the REST API.

    Attributes:
        span: the part of the requested range that the answer proves (`core.judging.proof`): for a
            slot inside it without a row the exchange has no candle.
        source: always REST.
    """

    source: Source = field(default=Source.REST, init=False)


@dataclass(frozen=True, slots=True)
class PublishedPage:
    """Unchanged lines of a published file, or of a file in the same format.

    Attributes:
        span: the slots of this page, half-open; every row opens in it.
        source: recorded as the source of the candles.
        rows: in strictly ascending order of open time.
        rejected: empty, since the rows have not been checked yet.
    """

    series: Series
    span: Span
    source: Source
    rows: PublishedRows
    rejected: ClassVar[tuple[RejectedRow, ...]] = ()

    @property
    def count(self) -> int:
        """Number of lines."""
        return self.rows.count

    def open_times_without(self, refused: Collection[str]) -> frozenset[datetime]:
        """Open times of all candles; a page with a refused row would not have been stored."""
        return frozenset(self.rows.open_times())


Page: TypeAlias = CheckedPage | PublishedPage
