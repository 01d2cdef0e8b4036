"""Walks a range page by page, however much of it the exchange answers for at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

from candlehouse.core.model import Page, Series, Span
from candlehouse.core.ports import CandleSource


async def fetch_pages(
    source: CandleSource, series: Series, span: Span, page_slots: int
) -> AsyncIterator[Page]:
    """Pages that together answer for all of `span`, oldest first; usually one.

    Args:
        source: to ask.
        series: whose candles.
        span: half-open, on the slot grid.
        page_slots: candles a page, at most 1000.
    """
    rest = span
    while rest.start < rest.end:
        page = await source.fetch_page(series, rest, page_slots)
        yield page
        rest = Span(page.span.end, rest.end)
