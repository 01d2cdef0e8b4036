"""Text of published files that goes into the database as it is."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.candles.published_rows import PageDay
from candlehouse.core.model import Span
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.exchange.binance.archive.lines import cut
from candlehouse.exchange.files.plain import PlainText, read_plain

START_MS = 1_704_067_200_000
HOUR_MS = 3_600_000
SMALLEST = "1,2,3,4,5,6,7,8,9,10,11"


def line(number: int = 0, rest: str = "2.00,3.00,1.00,2.50,7.1,0,14.2,5,3.5,7.0,0") -> bytes:
    return f"{START_MS + number * HOUR_MS},{rest}\n".encode()


def read(*lines: bytes) -> PlainText:
    plain = read_plain(b"".join(lines))
    assert plain is not None
    return plain


def at(day: int, hour: int) -> datetime:
    return datetime(2024, 1, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    "odd",
    ["NaN", "Infinity", "-1.0", "+1.0", "1e5", " 1.0", "0x1F", "1_000", '"1.0"', "\\N", "1\x00",
     "1/2", "1:2", "1\r", "\xff", "1.0;"],
)  # fmt: skip
def test_only_digits_points_and_commas_are_plain(odd: str) -> None:
    assert len(read(line(), line(1))) == 2
    for number in range(3):
        lines = [line(), line(1), line(2)]
        lines[number] = lines[number].replace(b"2.50", odd.encode("latin-1"))
        assert read_plain(b"".join(lines)) is None


def test_no_other_byte_is_plain() -> None:
    for byte in set(range(256)) - set(b"0123456789.,\n"):
        text = line() + line(1).replace(b"3.00", bytes([byte])) + line(2)
        assert read_plain(text) is None, byte


@pytest.mark.parametrize("length", [41, 47, 48, 100, 10_000])
@pytest.mark.parametrize("before", range(8))
def test_a_number_longer_than_any_of_a_candle_is_not_plain(length: int, before: int) -> None:
    long = line(1, f"{'1' * before}.{'7' * length},{SMALLEST}")
    assert read_plain(line() + long + line(2)) is None


@pytest.mark.parametrize("before", range(8))
def test_the_longest_numbers_of_a_candle_are_plain(before: int) -> None:
    long = line(1, f"{'1' * before}.{'3' * 40},{'9' * 40},{SMALLEST}")
    assert len(read(line(), long, line(2))) == 3


def test_times_are_in_milliseconds_or_microseconds() -> None:
    micros = [line(n).replace(b",", b"000,", 1) for n in range(3)]
    assert read(*micros).opens_ms.tolist() == read(line(), line(1), line(2)).opens_ms.tolist()
    assert read(line(3)).opens_ms.tolist() == [START_MS + 3 * HOUR_MS]


@pytest.mark.parametrize(
    "text",
    [
        line() + line(1).replace(b",", b"000,", 1),  # of two units
        line(1).replace(b",", b"000,", 1) + line(),
        line(1) + line(),  # descending
        line() + line(),  # twice the same
        line() + b"\n" + line(1),
        b"\n",
        b"17040672.0000,1\n",
        line() + b"17040708.0000,1\n",
        line() + line(1).replace(b",", b"", 1),
        line() + b"1704070800000\n",
        b"1704067200000\n",
        b"1,2,3\n",
        line() + b"9\n",
        b"99,1\n" + line(),
    ],
)
def test_lines_that_do_not_ascend_in_time_are_not_plain(text: bytes) -> None:
    assert read_plain(text) is None


def test_no_text_is_plain_and_has_no_days() -> None:
    assert len(read()) == 0
    assert read().count_days(Timeframe.H1) == ()
    assert read().fits(Span(at(1, 0), at(2, 0)))


def test_days_have_what_opens_in_them() -> None:
    plain = read(line(1), line(2), line(23), line(24), line(72))
    assert plain.count_days(Timeframe.H1) == (
        PageDay(date(2024, 1, 1), 3, at(1, 1), at(1, 23), False),
        PageDay(date(2024, 1, 2), 1, at(2, 0), at(2, 0), False),
        PageDay(date(2024, 1, 4), 1, at(4, 0), at(4, 0), False),
    )


def test_a_day_says_that_a_candle_opens_inside_a_slot() -> None:
    later = f"{START_MS + 25 * HOUR_MS + 1},{SMALLEST}\n".encode()
    days = read(line(), line(24), later, line(48)).count_days(Timeframe.H1)
    assert [day.off_grid for day in days] == [False, True, False]
    assert [day.off_grid for day in read(line(1)).count_days(Timeframe.H4)] == [True]


def test_a_text_fits_where_all_of_its_lines_open() -> None:
    plain = read(line(3), line(5))
    assert plain.fits(Span(at(1, 3), at(1, 6)))
    assert not plain.fits(Span(at(1, 3), at(1, 5)))
    assert not plain.fits(Span(at(1, 4), at(1, 6)))


@given(
    numbers=st.sets(st.integers(0, 60), max_size=20),
    start=st.integers(-2, 62),
    length=st.integers(0, 62),
)
def test_a_cut_is_what_is_cut_line_by_line(numbers: set[int], start: int, length: int) -> None:
    text = b"".join(line(number) for number in sorted(numbers))
    first = from_ms(START_MS + start * HOUR_MS)
    span = Span(first, first + length * Timeframe.H1.length)
    part = read(text).cut(span)
    assert part.text == cut(text, span)
    again = read(part.text)
    assert part.ends.tolist() == again.ends.tolist()
    assert part.opens_ms.tolist() == again.opens_ms.tolist()
    assert part.count_days(Timeframe.H1) == again.count_days(Timeframe.H1)
