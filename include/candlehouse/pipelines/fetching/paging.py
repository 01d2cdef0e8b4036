"""Asks for a range until every slot of it is answered for, however little an answer has."""

from __future__ import annotations

from collections.abc import AsyncIterator

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.gaps import subtract_spans
from candlehouse.core.model import Series, Span
from candlehouse.core.ports import CandleSource


async def fetch_pages(
    source: CandleSource, series: Series, span: Span, page_slots: int
) -> AsyncIterator[RestPage]:
    """Pages whose spans are disjoint and make up all of `span`; usually one.

    What an answer leaves open before its first row and beyond its last one is asked for by
    itself (`core.judging.proof`). So a page that is cut short costs requests, and never a candle.
    Each answer settles at least one slot.

    Args:
        source: to ask.
        series: whose candles.
        span: half-open, on the slot grid.
        page_slots: candles per page, at most 1000.
    """
    todo = [span] if span.start < span.end else []
    while todo:
        asked, *todo = todo
        page = await source.fetch_page(series, asked, page_slots)
        yield page
        todo = [*subtract_spans([asked], [page.span]), *todo]
