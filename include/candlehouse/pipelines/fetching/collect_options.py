"""How to collect, and what a collection did."""

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
    """How to collect.

    Attributes:
        page_slots: candles per REST page, at most as many as the exchange gives.
        grace: how long after its close a candle may be missing unremarked.
        progress: called with the number of candles answered for, after each batch.
        confirm: ranges of held candles that are fetched all the same, to be compared;
            given even if empty, the comparison is kept on record.
        archive: of published files; None to ask REST alone.
        run: of a reconciliation, whose figures are kept with what is stored.
    """

    page_slots: int = VENUE.rest.page_slots
    grace: timedelta = timedelta(minutes=10)
    progress: Callable[[int], None] | None = None
    confirm: Mapping[Series, Span] | None = None
    archive: CandleArchive | None = None
    run: int | None = None

    def advance(self, candles: int) -> None:
        """Tells of progress, if anybody wants to know."""
        if self.progress is not None:
            self.progress(candles)


@dataclass(slots=True)
class CollectReport:
    """What a collection did.

    Attributes:
        cost: of the plan it began with.
        failures: why, for each series that failed; what others brought is stored.
        files: that were loaded.
        requests: for pages of REST that were answered.
        first_candles: how many series were asked for their first candle.
        unknown: series of symbols that the exchange does not know, among the failures.
        asked: the ranges that were asked for.
        seconds: that it took.
    """

    cost: PlanCost = field(default_factory=PlanCost)
    written: Written = field(default_factory=Written)
    failures: dict[Series, str] = field(default_factory=dict)
    files: int = 0
    requests: int = 0
    first_candles: int = 0
    unknown: set[Series] = field(default_factory=set)
    asked: Mapping[Series, Span] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def weight(self) -> int:
        """Of the requests for pages and first candles."""
        return (self.requests + self.first_candles) * VENUE.rest.page_weight
