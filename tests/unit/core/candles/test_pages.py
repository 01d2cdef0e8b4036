"""What pages of both forms answer, and what only one of them has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from candlehouse.core.candles.candle_rows import CandleRow, CandleRows, join_columns
from candlehouse.core.candles.pages import CheckedPage, Page, PublishedPage, RejectedRow, RestPage
from candlehouse.core.candles.published_rows import PublishedRows, join_items
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import Timeframe, to_ms

HOUR = timedelta(hours=1)
T0 = datetime(2024, 1, 1, tzinfo=UTC)
BTC = Series("BTCUSDT", Timeframe.H1)
SPAN = Span(T0, T0 + 3 * HOUR)
TIMES = [T0 + number * HOUR for number in range(3)]


def make_row(opens: datetime) -> CandleRow:
    closes = str(to_ms(opens + HOUR) - 1)
    return CandleRow(
        "BTCUSDT", str(to_ms(opens)), "2", "3", "1", "2", "7", closes, "14", "5", "3", "7"
    )


def as_quarantined(opens: datetime) -> str:
    return join_items(make_row(opens).values)


ROWS = CandleRows.of_lines([join_columns(make_row(opens)) for opens in TIMES])
PUBLISHED = PublishedRows("".join(f"{as_quarantined(at)},0\n" for at in TIMES).encode(), 3)
CHECKED = CheckedPage(BTC, SPAN, Source.STREAM, ROWS, (RejectedRow("1,2", "no_candle", None),))
FILE = PublishedPage(BTC, SPAN, Source.ARCHIVE, PUBLISHED)


def test_both_forms_answer_the_same_questions() -> None:
    pages: list[Page] = [CHECKED, FILE]
    for page in pages:
        assert (page.series, page.span, page.count) == (BTC, SPAN, 3)
        assert page.rows.open_times() == TIMES
        assert (page.rows.first_open_time, page.rows.last_open_time) == (TIMES[0], TIMES[-1])
        assert page.rows.column("quote_volume") == ["14"] * 3
        assert page.open_times_without(()) == set(TIMES)
    assert (len(CHECKED.rejected), FILE.rejected) == (1, ())


def test_rows_in_quarantine_do_not_count_where_rows_were_looked_at() -> None:
    refused = {as_quarantined(TIMES[1])}
    assert CHECKED.open_times_without(refused) == {TIMES[0], TIMES[2]}
    assert FILE.open_times_without(refused) == set(TIMES)


def test_an_answer_of_the_rest_api_is_always_of_that_source() -> None:
    page = RestPage(BTC, SPAN, ROWS)
    assert (page.source, page.rejected, page.count) == (Source.REST, (), 3)
    assert page == RestPage(BTC, SPAN, CandleRows(ROWS.text))
    assert page != CheckedPage(BTC, SPAN, Source.REST, ROWS)
