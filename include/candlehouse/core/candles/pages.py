"""Pages: what one question brought of a series, as text that nobody has converted.

There are two forms, and the class says which one a page has:

- **CheckedPage**: each row was looked at when it was read, and what is no candle is refused by
  name. Answers of the REST API are of this form (RestPage), streamed candles, and files that
  had to be read row by row.
- **PublishedPage**: lines of a published file as they are. The database says whether all of
  them are candles; if not, the file is read row by row.

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
    """A row that a page brought and that is not stored: its text, and the rule it broke."""

    raw: str
    rule: str
    open_time: datetime | None


@dataclass(frozen=True, slots=True)
class CheckedPage:
    """Rows that were each looked at when they were read.

    Attributes:
        span: the slots that this page is for, half-open; every row opens in it.
        source: what its candles count as.
        rows: ascending by open time, each time once.
        rejected: rows that came as well and are no candles of this page.
    """

    series: Series
    span: Span
    source: Source
    rows: CandleRows
    rejected: tuple[RejectedRow, ...] = ()

    @property
    def count(self) -> int:
        """How many candles there are."""
        return self.rows.count

    def open_times_without(self, refused: Collection[str]) -> frozenset[datetime]:
        """When its candles open, but for those whose values are in quarantine.

        Args:
            refused: the text that quarantine has of each, values joined by commas.
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
        span: the part of the question that the answer proves (`core.judging.proof`): a slot
            inside it without a row is one for which the exchange has nothing.
        source: REST, always.
    """

    source: Source = field(default=Source.REST, init=False)


@dataclass(frozen=True, slots=True)
class PublishedPage:
    """Lines of a published file as they are, or of a file that looks like a published one.

    Attributes:
        span: the slots that this page is for, half-open; every row opens in it.
        source: what its candles count as.
        rows: each opens after the one before it.
        rejected: none, since nobody has looked at the rows yet.
    """

    series: Series
    span: Span
    source: Source
    rows: PublishedRows
    rejected: ClassVar[tuple[RejectedRow, ...]] = ()

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self.rows.count

    def open_times_without(self, refused: Collection[str]) -> frozenset[datetime]:
        """When its candles open; with a row that was refused the page would not be stored."""
        return frozenset(self.rows.open_times())


Page: TypeAlias = CheckedPage | PublishedPage
