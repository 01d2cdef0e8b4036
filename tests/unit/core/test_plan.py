import itertools
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given

from candlehouse.core.gaps import intersect_spans, merge_spans, subtract_spans
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.plan import (
    REST_PAGE_WEIGHT,
    SETTLING_SLOTS,
    Fetch,
    find_pending,
    interleave,
    plan_cost,
    plan_pages,
)
from candlehouse.core.timeframe import Timeframe

T0 = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Series("BTCUSDT", Timeframe.H1)
ETH = Series("ETHUSDT", Timeframe.H1)


def span(first: int, last: int) -> Span:
    return Span(T0 + first * HOUR, T0 + last * HOUR)


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda p: span(p[0], p[0] + p[1])),
    max_size=6,
).map(merge_spans)


@given(spans, st.integers(1, 12))
def test_pages_cover_all_that_is_pending_and_never_overlap(
    pending: list[Span], page_slots: int
) -> None:
    pages = [fetch.span for fetch in plan_pages(BTC, pending, page_slots)]
    assert subtract_spans(pending, pages) == []
    assert all(left.end <= right.start for left, right in itertools.pairwise(pages))
    assert all(page.end - page.start <= page_slots * HOUR for page in pages)
    # Each page begins with something pending: no greedy cover of points by
    # intervals of one length has fewer.
    assert all(intersect_spans(pending, [Span(p.start, p.start + HOUR)]) for p in pages)


@given(spans.filter(bool), st.integers(1, 12), st.integers(0, 30))
def test_settling_never_costs_a_page_nor_overlaps_another(
    pending: list[Span], page_slots: int, before: int
) -> None:
    # What is pending lies inside what was asked for.
    settling = Span(pending[0].start - before * HOUR, pending[-1].end)
    plain = plan_pages(BTC, pending, page_slots)
    settled = plan_pages(BTC, pending, page_slots, settling)
    assert len(settled) == len(plain)
    assert settled[:-1] == plain[:-1]
    first, last = plain[-1].span, settled[-1].span
    assert last.end == first.end
    assert first.start - SETTLING_SLOTS * HOUR <= last.start <= first.start
    assert last.start >= settling.start
    assert last.end - last.start <= page_slots * HOUR
    assert len(settled) == 1 or last.start >= settled[-2].span.end


def test_holes_that_fit_a_page_share_it() -> None:
    pages = plan_pages(BTC, [span(0, 1), span(5, 6), span(20, 21)], 10)
    assert pages == [
        Fetch(BTC, span(0, 6), Source.REST),
        Fetch(BTC, span(20, 21), Source.REST),
    ]


def test_known_absence_is_not_asked_again_before_its_time() -> None:
    later = Gap(span(2, 4), Verdict.NO_DATA, {}, T0 + 50 * HOUR)
    never = Gap(span(4, 5), Verdict.NOT_LISTED, {"first_candle": "x"}, None)
    open_still = Gap(span(6, 7), Verdict.PENDING)
    found = [later, never, open_still]
    assert find_pending(span(0, 10), [span(0, 2), span(7, 10)], found, T0) == [span(5, 7)]
    assert find_pending(span(0, 10), [span(0, 2), span(7, 10)], found, T0 + 50 * HOUR) == [
        span(2, 4),
        span(5, 7),
    ]


def test_every_series_gets_its_first_page_before_any_gets_its_second() -> None:
    plans = {
        ETH: plan_pages(ETH, [span(0, 2)], 1),
        BTC: plan_pages(BTC, [span(0, 3)], 1),
    }
    order = [(fetch.series.symbol, fetch.span) for fetch in interleave(plans)]
    assert order == [
        ("BTCUSDT", span(0, 1)),
        ("ETHUSDT", span(0, 1)),
        ("BTCUSDT", span(1, 2)),
        ("ETHUSDT", span(1, 2)),
        ("BTCUSDT", span(2, 3)),
    ]


def test_cost_counts_requests_weight_and_candles() -> None:
    cost = plan_cost(plan_pages(BTC, [span(0, 25)], 10))
    assert (cost.requests, cost.weight, cost.candles) == (3, 3 * REST_PAGE_WEIGHT, 25)
