"""Options and report of a collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from candlehouse.core.model import Series, Span
from candlehouse.core.planning.fetch_plan import PlanCost
from candlehouse.core.ports import CandleArchive
from candlehouse.exchange.venue import VENUE
from candlehouse.storage.candles.page_writer import Written


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """Options of a collection.

    Attributes:
        page_slots: candles per REST page, at most as many as the exchange gives.
        grace: how long after its close a candle may be missing without being a gap.
        progress: called after each batch with the number of slots that it has answered.
        confirm: ranges of stored candles that are fetched again to be compared. Unless it is
            None, even if empty, comparisons are recorded in `market.confirmations`.
        archive: published files; None to use REST alone.
        run: number of a reconciliation run that records its figures; None for none.
    """

    page_slots: int = VENUE.rest.page_slots
    grace: timedelta = timedelta(minutes=10)
    progress: Callable[[int], None] | None = None
    confirm: Mapping[Series, Span] | None = None
    archive: CandleArchive | None = None
    run: int | None = None

    def advance(self, candles: int) -> None:
        """Calls `progress`, if there is one, with a number of answered slots."""
        if self.progress is not None:
            self.progress(candles)


@dataclass(slots=True)
class CollectReport:
    """What a collection did.

    Attributes:
        cost: estimated cost of the first plan.
        written: what was inserted, corrected, refused and quarantined.
        failures: the reason for each series that failed; candles of the others are stored.
        files: number of files that were loaded.
        requests: number of REST pages that were received.
        first_candles: number of series whose first candle was requested.
        unknown: the failed series whose symbols the exchange does not know.
        requested: the range of each series.
        seconds: duration.
    """

    cost: PlanCost = field(default_factory=PlanCost)
    written: Written = field(default_factory=Written)
    failures: dict[Series, str] = field(default_factory=dict)
    files: int = 0
    requests: int = 0
    first_candles: int = 0
    unknown: set[Series] = field(default_factory=set)
    requested: Mapping[Series, Span] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def weight(self) -> int:
        """Request weight of the pages and first candles."""
        return (self.requests + self.first_candles) * VENUE.rest.page_weight
