"""Lines of published files, unchanged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from candlehouse.core.candles.candle_rows import VALUE_COLUMNS, CandleRows
from candlehouse.core.candles.published_rows import (
    PUBLISHED_COLUMNS,
    PublishedRows,
    has_all_columns,
    join_items,
    read_line,
    read_time,
    split_items,
)
from candlehouse.core.errors import MalformedPayload

T0 = datetime(2025, 1, 1, tzinfo=UTC)
T0_MS = 1_735_689_600_000
HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000


def items(number: int, unit: int = 1) -> list[str]:
    opens = T0_MS + number * HOUR_MS
    values = ["2.00", "3.00", "1.00", "2.50", f"{number}.1", "", "14.2", "5", "3.5", "7.0", "0"]
    values[5] = str((opens + HOUR_MS) * unit - 1)
    return [str(opens * unit), *values]


def build(count: int, unit: int = 1) -> PublishedRows:
    lines = [join_items(items(number, unit)) + "\n" for number in range(count)]
    return PublishedRows("".join(lines).encode(), count)


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_times_are_read_in_either_unit(count: int, unit: int) -> None:
    rows = build(count, unit)
    assert rows.open_times() == [T0 + number * HOUR for number in range(count)]
    assert rows.first_open_time == (T0 if count else None)
    assert rows.last_open_time == (T0 + (count - 1) * HOUR if count else None)


def test_columns_are_those_of_rows_and_one_that_means_nothing() -> None:
    assert PUBLISHED_COLUMNS[:-1] == VALUE_COLUMNS
    for at, name in enumerate(PUBLISHED_COLUMNS):
        assert build(3).column(name) == [items(number)[at] for number in range(3)]


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_line_becomes_one_of_rows_in_milliseconds(unit: int) -> None:
    line = read_line("BTCUSDT", join_items(items(2, unit)) + "\r")
    assert line is not None
    (row,) = CandleRows.of_lines([line]).parse()
    assert row == ("BTCUSDT", *items(2)[:-1])


@pytest.mark.parametrize(
    "line", ["", "1,2,3", join_items(["x", *items(0)[1:]]), join_items([*items(0), "0"])]
)
def test_what_is_no_candle_becomes_no_line(line: str) -> None:
    assert read_line("BTCUSDT", line) is None


def test_a_time_that_cannot_be_read_is_an_error_where_one_must_be() -> None:
    assert read_time(b"soon,1") is None
    with pytest.raises(MalformedPayload, match="without its open time"):
        PublishedRows(b"soon,1\n", 1).open_times()


def test_items_are_joined_and_split_alike() -> None:
    line = join_items(items(0))
    assert split_items(line) == items(0)
    assert has_all_columns(line.encode())
    assert not has_all_columns(b"1,2,3")
