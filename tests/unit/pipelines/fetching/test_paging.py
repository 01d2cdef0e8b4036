"""However a server cuts, doubles or widens its pages: what is missing is truly missing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.gaps import merge_spans
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.fetching.paging import fetch_pages
from support.exchanges.model_exchange import Manners, ModelExchange, hours

SERIES = Series("BTCUSDT", Timeframe.H1)
T0 = datetime(2024, 1, 1, tzinfo=UTC)
HOURS = 60

spans = st.tuples(st.integers(0, HOURS), st.integers(1, 20)).map(
    lambda pair: hours(T0, pair[0], pair[0] + pair[1])
)
manners = st.builds(
    Manners,
    cap=st.integers(1, 30),
    newest=st.booleans(),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
    repeat=st.booleans(),
)


@given(manners=manners, dark=st.lists(spans, max_size=4), asked=spans, limit=st.integers(1, 30))
def test_pages_settle_every_slot_once_and_lose_no_candle(
    manners: Manners, dark: list[Span], asked: Span, limit: int
) -> None:
    listed = {"BTCUSDT": T0 - timedelta(days=5)}
    exchange = ModelExchange(T0 + timedelta(days=9), listed, dark=dark, manners=manners)

    async def fetch() -> list[RestPage]:
        return [page async for page in fetch_pages(exchange, SERIES, asked, limit)]

    pages = asyncio.run(fetch())

    assert merge_spans(page.span for page in pages) == [asked]
    ordered = sorted(pages, key=lambda page: page.span)
    assert all(left.span.end == right.span.start for left, right in pairwise(ordered))
    brought = [opens for page in ordered for opens in page.rows.open_times()]
    assert brought == exchange.slots(SERIES, asked)
    assert all(page.rows.within(page.span) == page.rows for page in pages)


def test_page_that_brings_all_takes_one_request() -> None:
    exchange = ModelExchange(T0 + timedelta(days=9), {"BTCUSDT": T0})

    async def fetch() -> int:
        return len([page async for page in fetch_pages(exchange, SERIES, hours(T0, 0, 9), 1000)])

    assert asyncio.run(fetch()) == 1
