"""Candles as lines of text, beside a model that does the plain thing with lists."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.candles.candle_rows import (
    COLUMNS,
    UNKNOWN,
    VALUE_COLUMNS,
    CandleRow,
    CandleRows,
    find_malformed,
    join_columns,
    make_line,
    match_values,
)
from candlehouse.core.model import Span
from candlehouse.core.timeframe import from_ms

START_MS = 1_704_067_200_000
MINUTE_MS = 60_000
DECIMALS = st.sampled_from(["0", "1.5", "42283.58000000", "007", "9" * 40 + "." + "1" * 40])
SYMBOLS = st.sampled_from(["BTCUSDT", "1000SATSUSDT", "币安人生USDT"])
# From a little before to a little after ten minutes.
OPENS = st.integers(START_MS - 2 * MINUTE_MS, START_MS + 12 * MINUTE_MS)
MOMENTS = OPENS.map(from_ms)


def make_row(symbol: str, opens: int, price: str, volume: str, trades: int | None) -> CandleRow:
    """A row; of one without trades all that a few sources do not have is unknown."""
    others = [UNKNOWN] * 4 if trades is None else [volume, str(trades), volume, price]
    closes = str(opens + MINUTE_MS - 1)
    return CandleRow(symbol, str(opens), price, "3", "0.1", price, volume, closes, *others)


CANDLES = st.builds(
    make_row, SYMBOLS, OPENS, DECIMALS, DECIMALS, st.none() | st.integers(0, 10**17)
)


def ascending(rows: list[CandleRow]) -> list[CandleRow]:
    return sorted(rows, key=lambda row: int(row.open_time))


LISTS = st.lists(CANDLES, max_size=8)


def as_text(rows: list[CandleRow]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def build(rows: list[CandleRow]) -> CandleRows:
    return CandleRows.of_lines([join_columns(row) for row in rows])


@given(LISTS)
def test_rows_come_back_as_they_went_in(rows: list[CandleRow]) -> None:
    built = build(rows)
    assert built.text == as_text(rows)
    assert built == CandleRows(as_text(rows))
    assert hash(built) == hash(CandleRows(as_text(rows)))
    assert built.as_parameter() == as_text(rows).removesuffix("\n")
    assert list(built.parse()) == rows
    assert list(built) == ["\t".join(row) for row in rows]
    assert CandleRows.of_lines(list(built)) == built


@given(LISTS)
def test_count_and_times_are_those_of_a_list(rows: list[CandleRow]) -> None:
    opens = [from_ms(int(row.open_time)) for row in rows]
    for built in (build(rows), CandleRows(as_text(rows))):
        assert built.count == len(rows)
        assert built.open_times() == opens == [row.opens for row in built.parse()]
        assert built.first_open_time == next(iter(opens), None)
        assert built.last_open_time == next(reversed(opens), None)


@given(LISTS)
def test_a_column_is_found_by_its_name(rows: list[CandleRow]) -> None:
    for name in COLUMNS:
        assert build(rows).column(name) == [getattr(row, name) for row in rows]
    with pytest.raises(ValueError, match="tuple"):
        build(rows).column("bid")


@given(LISTS.map(ascending), MOMENTS, MOMENTS)
def test_a_slice_has_the_rows_that_open_in_its_span(
    rows: list[CandleRow], start: object, end: object
) -> None:
    span = Span(start, end)  # type: ignore[arg-type]
    inside = [row for row in rows if span.start <= from_ms(int(row.open_time)) < span.end]
    found = build(rows).within(span)
    assert found == build(inside)
    assert found.count == len(inside)


@given(LISTS.map(ascending), MOMENTS)
def test_slices_that_meet_make_up_the_whole(rows: list[CandleRow], cut: object) -> None:
    first = Span(from_ms(0), cut)  # type: ignore[arg-type]
    rest = Span(first.end, first.end + timedelta(days=1))
    whole = build(rows)
    assert CandleRows.join([whole.within(first), whole.within(rest)]) == whole
    assert whole.within(Span(first.start, rest.end)) is whole


@given(st.lists(LISTS, max_size=4))
def test_joined_rows_follow_each_other(parts: list[list[CandleRow]]) -> None:
    joined = CandleRows.join(map(build, parts))
    assert joined == build([row for part in parts for row in part])
    assert joined.count == sum(map(len, parts))


@given(LISTS, SYMBOLS)
def test_values_get_their_symbol(rows: list[CandleRow], symbol: str) -> None:
    values = [join_columns(row.values) for row in rows]
    assert CandleRows.of_values(symbol, values) == build(
        [row._replace(symbol=symbol) for row in rows]
    )
    assert CandleRows.of_values(symbol, values).count == len(rows)


@given(LISTS)
def test_values_are_well_formed_together_exactly_when_each_is(rows: list[CandleRow]) -> None:
    values = [join_columns(row.values) for row in rows]
    odd = [one for one, row in zip(values, rows, strict=True) if UNKNOWN in row]
    assert [one for one in values if not match_values(one)] == odd
    assert find_malformed(values) == next(iter(odd), None)
    for row in rows:
        line = join_columns(row)
        found = match_values(line, len(make_line(row.symbol, "")))
        assert (found is not None) is (UNKNOWN not in row)
        assert line == make_line(row.symbol, join_columns(row.values))


def test_a_line_break_inside_a_value_is_found_even_where_it_makes_whole_lines() -> None:
    one = join_columns(("1", *["2"] * 5, "3", "4", "5", "6", "7"))
    assert find_malformed([one, one]) is None
    assert find_malformed([one, f"{one}\n{one}"]) == f"{one}\n{one}"
    assert find_malformed([one, ""]) == ""


def test_a_line_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="without an end"):
        CandleRows("BTCUSDT\t1")


def test_the_columns_are_the_symbol_and_what_an_exchange_sends() -> None:
    assert ("symbol", *VALUE_COLUMNS) == COLUMNS
