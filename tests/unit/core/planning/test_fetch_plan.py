import itertools
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given

from candlehouse.core.gaps import intersect_spans, merge_spans, subtract_spans
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.planning.fetch_plan import (
    SETTLING_SLOTS,
    Fetch,
    find_pending,
    interleave,
    plan_cost,
    plan_fetches,
    plan_pages,
)
from candlehouse.core.planning.published_files import (
    ArchiveFile,
    FileState,
    KnownFile,
    Published,
    Tree,
)
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.facts import ARCHIVE, REST

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
    cost = plan_cost(plan_pages(BTC, [span(0, 25)], 10), REST)
    assert (cost.requests, cost.weight, cost.candles) == (3, 3 * REST.page_weight, 25)


NOW = datetime(2024, 9, 20, 12, tzinfo=UTC)
YEAR = Span(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 9, 20, tzinfo=UTC))
BTC5 = Series("BTCUSDT", Timeframe.M5)


def files(fetches: list[Fetch]) -> list[tuple[str, int]]:
    return [(f.file.tree.value, f.file.start.month) for f in fetches if f.file is not None]


def pages(fetches: list[Fetch]) -> list[Span]:
    return [fetch.span for fetch in fetches if fetch.file is None]


def test_whole_months_and_days_come_from_files_and_the_rest_from_rest() -> None:
    asked = Span(YEAR.start, NOW)
    fetches = plan_fetches(BTC5, [asked], asked, 1000, REST, Published(NOW, ARCHIVE))
    assert files(fetches) == [("monthly", n) for n in range(1, 9)] + [("daily", 9)] * 19
    assert pages(fetches) == [Span(YEAR.end, NOW)]
    assert all(fetch.span == fetch.file.span for fetch in fetches if fetch.file is not None)


def test_without_an_archive_everything_is_asked_of_rest() -> None:
    fetches = plan_fetches(BTC5, [YEAR], YEAR, 1000, REST)
    assert files(fetches) == []
    assert fetches == plan_pages(BTC5, [YEAR], 1000)


def test_a_file_of_few_candles_costs_more_than_a_page() -> None:
    for timeframe in (Timeframe.H4, Timeframe.D1):
        series = Series("BTCUSDT", timeframe)
        assert files(plan_fetches(series, [YEAR], YEAR, 1000, REST, Published(NOW, ARCHIVE))) == []
    hourly = plan_fetches(BTC, [YEAR], YEAR, 1000, REST, Published(NOW, ARCHIVE))
    assert files(hourly) == [("monthly", n) for n in range(1, 9)]
    # What is left of September is one page, not nineteen files.
    assert len(pages(hourly)) == 1


def test_a_few_missing_candles_are_not_worth_a_month() -> None:
    day = datetime(2024, 3, 10, tzinfo=UTC)
    few = [Span(day, day + timedelta(hours=2))]
    assert files(plan_fetches(BTC5, few, YEAR, 1000, REST, Published(NOW, ARCHIVE))) == []
    most = [Span(datetime(2024, 3, 6, tzinfo=UTC), datetime(2024, 3, 26, tzinfo=UTC))]
    assert files(plan_fetches(BTC5, most, YEAR, 1000, REST, Published(NOW, ARCHIVE))) == [
        ("monthly", 3)
    ]


def test_of_a_file_no_more_is_taken_than_may_be_fetched() -> None:
    listed = Span(datetime(2024, 3, 4, 9, 30, tzinfo=UTC), YEAR.end)
    fetches = plan_fetches(BTC5, [listed], listed, 1000, REST, Published(NOW, ARCHIVE))
    assert fetches[0].file == ArchiveFile(BTC5, Tree.MONTHLY, datetime(2024, 3, 1, tzinfo=UTC))
    assert fetches[0].span == Span(listed.start, datetime(2024, 4, 1, tzinfo=UTC))


def test_days_take_the_place_of_a_month_that_is_missing() -> None:
    march = ArchiveFile(BTC5, Tree.MONTHLY, datetime(2024, 3, 1, tzinfo=UTC))
    tenth = ArchiveFile(BTC5, Tree.DAILY, datetime(2024, 3, 10, tzinfo=UTC))
    known = {file: KnownFile(file, FileState.MISSING, NOW) for file in (march, tenth)}
    fetches = plan_fetches(BTC5, [march.span], YEAR, 1000, REST, Published(NOW, ARCHIVE, known))
    assert files(fetches) == [("daily", 3)] * 30
    assert pages(fetches) == [tenth.span]


@given(
    st.lists(
        st.tuples(st.integers(0, 700), st.integers(1, 90)).map(
            lambda p: Span(T0 + p[0] * 8 * HOUR, T0 + (p[0] + p[1]) * 8 * HOUR)
        ),
        max_size=5,
    ).map(merge_spans),
    st.sampled_from([Timeframe.M1, Timeframe.M5, Timeframe.H1, Timeframe.D1]),
)
def test_files_and_pages_cover_all_that_is_pending_and_never_overlap(
    pending: list[Span], timeframe: Timeframe
) -> None:
    series = Series("BTCUSDT", timeframe)
    pending = merge_spans(
        Span(timeframe.floor(one.start), timeframe.ceil(one.end)) for one in pending
    )
    everything = Span(T0, T0 + timedelta(days=300))
    fetches = plan_fetches(series, pending, everything, 1000, REST, Published(NOW, ARCHIVE))
    found = sorted(fetch.span for fetch in fetches)
    assert subtract_spans(pending, found) == []
    assert all(left.end <= right.start for left, right in itertools.pairwise(found))
    assert all(
        ARCHIVE.expected_at(fetch.file) <= NOW for fetch in fetches if fetch.file is not None
    )


def test_the_cost_of_files_is_bytes_and_no_weight() -> None:
    month = datetime(2024, 2, 1, tzinfo=UTC)
    file = ArchiveFile(BTC5, Tree.MONTHLY, month)
    by_file = plan_cost([Fetch(BTC5, file.span, Source.ARCHIVE, file)], REST)
    assert (by_file.files, by_file.requests, by_file.weight) == (1, 0, 0)
    assert by_file.candles == 29 * 288
    by_pages = plan_cost(plan_pages(BTC5, [file.span], 1000), REST)
    assert (by_pages.files, by_pages.requests, by_pages.weight) == (0, 9, 9 * REST.page_weight)
    march = plan_pages(BTC5, [Span(file.span.end, file.span.end + 2 * timedelta(days=29))], 1000)
    both = plan_cost([Fetch(BTC5, file.span, Source.ARCHIVE, file), *march], REST)
    assert both.bytes > by_file.bytes > 0
    # Side by side: as long as the longer of the two takes.
    assert both.seconds == plan_cost(march, REST).seconds > by_file.seconds > 0
