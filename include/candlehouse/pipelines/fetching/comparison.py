"""Counts how far pages agree with the stored candles, while they are being stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.candles.pages import Page
from candlehouse.core.model import Source
from candlehouse.core.reconciling.agreement import count_agreement
from candlehouse.storage.candles.page_writer import Written
from candlehouse.storage.truth.agreement import (
    record_agreements,
    record_unmatched,
    select_quarantined,
    select_stored,
)


class Comparison:
    """Candles in the ranges of some pages, read before the pages are stored.

    Args:
        connection: in the transaction that stores the pages; the caller holds the locks.
        run: number of the reconciliation run that records the figures.
        pages: of one timeframe and one source, disjoint within a symbol.
    """

    def __init__(self, connection: Connection, run: int, pages: Sequence[Page]) -> None:
        self._connection = connection
        self._run = run
        self._pages = pages
        self._ranges = [(page.series.symbol, page.span) for page in pages]
        timeframe = pages[0].series.timeframe
        self._stored = select_stored(connection, timeframe, self._ranges)

    def record(self, written: Written, now: datetime) -> None:
        """Records the figures, and which stored candles the source lacks.

        Args:
            written: the result of storing the pages.
            now: the exchange's time.
        """
        timeframe, source = self._pages[0].series.timeframe, self._pages[0].source
        refused = select_quarantined(self._connection, timeframe, source, self._ranges)
        found = []
        lacking: dict[str, list[datetime]] = {}
        for page in self._pages:
            symbol, span = page.series.symbol, page.span
            brought = page.open_times_without(refused.get(symbol, frozenset()))
            stored = self._stored_in(page)
            differing = written.differing_at.get(symbol, ())
            found += [(symbol, one) for one in count_agreement(span, stored, brought, differing)]
            lacking.setdefault(symbol, []).extend(stored.keys() - brought)
        record_agreements(self._connection, self._run, timeframe, source, found, now)
        record_unmatched(self._connection, timeframe, source, self._ranges, lacking, now)

    def _stored_in(self, page: Page) -> dict[datetime, Source]:
        stored = self._stored.get(page.series.symbol, {})
        if len(self._pages) == 1:
            return stored
        start, end = page.span
        return {opens: source for opens, source in stored.items() if start <= opens < end}
