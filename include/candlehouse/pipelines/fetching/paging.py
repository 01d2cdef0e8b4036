"""Pages through a range until every slot of it is answered, however short the answers are."""

from __future__ import annotations

from collections.abc import AsyncIterator

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.gaps import subtract_spans
from candlehouse.core.model import Series, Span
from candlehouse.core.ports import CandleSource


async def fetch_pages(
    source: CandleSource, series: Series, span: Span, page_slots: int
) -> AsyncIterator[RestPage]:
    """Yields pages whose spans are disjoint and together cover `span`; usually one page.

    Slots that an answer leaves open before its first row or after its last row are requested
    separately (`core.judging.proof`). So a page that is cut short costs requests, never a candle.
    Each answer settles at least one slot.

    Args:
        source: the REST client.
        series: of the candles.
        span: half-open, on the slot grid.
        page_slots: candles per page, at most 1000.
    """
    todo = [span] if span.start < span.end else []
    while todo:
        requested, *todo = todo
        page = await source.fetch_page(series, requested, page_slots)
        yield page
        todo = [*subtract_spans([requested], [page.span]), *todo]
