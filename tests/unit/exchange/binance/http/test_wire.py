from __future__ import annotations

from typing import Any

import pytest

from candlehouse.core.errors import MalformedPayload
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.exchange.binance.http.wire import parse_klines

SERIES = Series("BTCUSDT", Timeframe.M1)
START_MS = 1_704_067_200_000
MINUTE_MS = 60_000
SPAN = Span(from_ms(START_MS), from_ms(START_MS + 10 * MINUTE_MS))


# Deeper than Python can go.
NESTED: list[Any] = []
for _ in range(100_000):
    NESTED = [NESTED]


def kline(slot: int, close: str = "42298.61000000", *, shift_ms: int = 0) -> list[Any]:
    opens = START_MS + slot * MINUTE_MS + shift_ms
    return [
        opens, "42283.58000000", "42298.62000000", "42261.02000000", close, "35.92724000",
        opens + 59_999, "1519032.43715310", 1327, "23.18766000", "980394.79466920", "0",
    ]  # fmt: skip


def test_rows_keep_every_digit_in_the_order_of_the_wire() -> None:
    page = parse_klines(SERIES, SPAN, [kline(0), kline(1)], 1000)

    assert [*next(page.rows.parse())] == [
        "BTCUSDT", "1704067200000", "42283.58000000", "42298.62000000", "42261.02000000",
        "42298.61000000", "35.92724000", "1704067259999", "1519032.43715310", "1327",
        "23.18766000", "980394.79466920",
    ]  # fmt: skip
    assert page.rows.text.endswith("\n")
    assert (page.series, page.source, page.count) == (SERIES, Source.REST, 2)


def test_integers_may_come_as_text() -> None:
    as_text = [[str(item) for item in kline(0)]]

    assert parse_klines(SERIES, SPAN, as_text, 5) == parse_klines(SERIES, SPAN, [kline(0)], 5)


@pytest.mark.parametrize("limit", [2, 5, 1000])
def test_page_answers_from_its_first_row_to_its_last_however_many_came(limit: int) -> None:
    page = parse_klines(SERIES, SPAN, [kline(2), kline(5, shift_ms=14_789)], limit)

    assert page.span == Span(from_ms(START_MS + 2 * MINUTE_MS), from_ms(START_MS + 6 * MINUTE_MS))


def test_answer_without_rows_answers_for_all_that_was_asked() -> None:
    assert parse_klines(SERIES, SPAN, [], 2).span == SPAN


def test_rows_that_open_outside_what_was_asked_are_left_out() -> None:
    around = [kline(-2), kline(-1), kline(0), kline(0), kline(9), kline(10)]

    page = parse_klines(SERIES, SPAN, around, 6)

    assert page.span == SPAN
    assert page.rows.open_times() == [SPAN.start, from_ms(START_MS + 9 * MINUTE_MS)]
    assert len(page.rejected) == 1


def test_rows_on_both_sides_alone_are_the_answer_to_another_question() -> None:
    with pytest.raises(MalformedPayload, match="not inside what was asked"):
        parse_klines(SERIES, SPAN, [kline(-1), kline(10)], 5)


def test_page_answers_for_no_more_than_was_asked() -> None:
    off_grid = Span(SPAN.start, from_ms(START_MS + 90_000))

    assert parse_klines(SERIES, off_grid, [kline(0), kline(1)], 2).span == off_grid


def test_open_time_off_the_grid_is_genuine() -> None:
    assert parse_klines(SERIES, SPAN, [kline(0, shift_ms=14_789)], 5).count == 1


def test_last_row_of_one_open_time_is_kept_and_the_others_told() -> None:
    payload = [kline(0), kline(1, "1.0"), kline(1, "2.0"), kline(1, "3.0"), kline(2)]

    page = parse_klines(SERIES, SPAN, payload, 5)

    assert page.count == 3
    assert page.rows.column("close")[1] == "3.0"
    assert [row.raw.split("\t")[5] for row in page.rejected] == ["1.0", "2.0"]
    assert {row.rule for row in page.rejected} == {DUPLICATE_OPEN_TIME}
    assert page.rejected[0].open_time == from_ms(START_MS + MINUTE_MS)
    assert page.span.end == from_ms(START_MS + 3 * MINUTE_MS)


def broken(position: int, item: object) -> list[list[Any]]:
    row = kline(1)
    row[position] = item
    return [kline(0), row, kline(2)]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("<html></html>", id="text"),
        pytest.param({"code": -1121}, id="object"),
        pytest.param(None, id="null"),
        pytest.param([{}], id="row that is an object"),
        pytest.param(["abcdefghijkl"], id="row that is a text of twelve letters"),
        pytest.param([kline(0)[:11]], id="eleven items"),
        pytest.param([[*kline(0), "0"]], id="thirteen items"),
        pytest.param([[]], id="empty row"),
        pytest.param(broken(1, "-1.0"), id="negative"),
        pytest.param(broken(1, "+1.0"), id="plus sign"),
        pytest.param(broken(1, "1e-08"), id="exponent"),
        pytest.param(broken(1, "NaN"), id="not a number"),
        pytest.param(broken(1, ""), id="empty item"),
        pytest.param(broken(1, "1."), id="no digit after the point"),
        pytest.param(broken(1, ".5"), id="no digit before the point"),
        pytest.param(broken(1, "1,5"), id="comma"),
        pytest.param(broken(1, "\u0661"), id="foreign digit"),
        pytest.param(broken(1, "1.0\n"), id="line break"),
        pytest.param(broken(1, "1.0\t2.0"), id="tab"),
        pytest.param(broken(1, 1.5), id="price as a float"),
        pytest.param(broken(1, 1), id="price as an integer"),
        pytest.param(broken(1, None), id="price missing"),
        pytest.param(broken(5, ["1"]), id="nested"),
        pytest.param(broken(0, 10**5000), id="integer of thousands of digits"),
        pytest.param(broken(0, NESTED), id="lists within lists for an integer"),
        pytest.param(broken(1, NESTED), id="lists within lists for a price"),
        pytest.param(broken(8, "12.5"), id="half a trade"),
        pytest.param(broken(8, 1.0), id="trades as a float"),
        pytest.param(broken(8, True), id="trades as a truth value"),
        pytest.param(broken(8, -1), id="trades below nothing"),
        pytest.param(broken(6, None), id="no close time"),
        pytest.param(broken(0, "soon"), id="open time in words"),
        pytest.param([kline(1), kline(0)], id="descending"),
        pytest.param([kline(-1)], id="before what was asked"),
        pytest.param([kline(10)], id="after what was asked"),
        pytest.param([kline(slot) for slot in range(6)], id="more than asked for"),
    ],
)
def test_payload_of_another_shape_is_refused_with_its_series_and_span(payload: object) -> None:
    with pytest.raises(MalformedPayload, match=r"BTCUSDT 1m \[2024-01-01T00:00, 2024"):
        parse_klines(SERIES, SPAN, payload, 5)


def test_line_breaks_that_make_whole_lines_are_refused() -> None:
    line = "\t".join(str(item) for item in kline(1)[:11])
    rest = "\t".join(str(item) for item in kline(2)[1:11])

    with pytest.raises(MalformedPayload):
        parse_klines(SERIES, SPAN, broken(10, f"1.0\n{line}"), 5)
    with pytest.raises(MalformedPayload):
        parse_klines(SERIES, SPAN, broken(0, f"{line}\n{START_MS}\t{rest}\n1"), 5)
