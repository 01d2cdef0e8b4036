"""Text of published files that has to be read line by line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.archive.lines import cut, read_lines, strip_header

BTC = Series("BTCUSDT", Timeframe.H1)
DAY = Span(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
START_MS = 1_704_067_200_000
HOUR_MS = 3_600_000


def line(number: int = 0, **changed: str) -> bytes:
    opens = START_MS + number * HOUR_MS
    items = {
        "open_time": str(opens), "open": "2.00", "high": "3.00", "low": "1.00", "close": "2.50",
        "volume": "7.1", "close_time": str(opens + HOUR_MS - 1), "quote": "14.2", "trades": "5",
        "taker": "3.5", "taker_quote": "7.0", "ignore": "0",
    } | changed  # fmt: skip
    return ",".join(items.values()).encode() + b"\n"


def read(*lines: bytes, span: Span = DAY) -> CheckedPage:
    return read_lines(BTC, span, b"".join(lines))


def test_a_header_is_left_out_and_the_last_line_ended() -> None:
    header = b"open_time,open,high,low,close,volume,close_time\n"
    assert strip_header(header + line() + line(1)) == line() + line(1)
    assert strip_header(line() + line(1).rstrip(b"\n")) == line() + line(1)
    assert strip_header(b"") == strip_header(header) == b""


def test_rows_are_kept_to_the_letter_but_for_microseconds() -> None:
    page = read(
        line(), line(1, open_time=f"{START_MS + HOUR_MS}000", close_time="1704074399999999")
    )
    assert page.rows.text == (
        f"BTCUSDT\t{START_MS}\t2.00\t3.00\t1.00\t2.50\t7.1\t{START_MS + HOUR_MS - 1}"
        "\t14.2\t5\t3.5\t7.0\n"
        f"BTCUSDT\t{START_MS + HOUR_MS}\t2.00\t3.00\t1.00\t2.50\t7.1\t1704074399999"
        "\t14.2\t5\t3.5\t7.0\n"
    )
    assert (page.count, page.rejected) == (2, ())


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (line(1, close="NaN"), "no_candle"),
        (line(1, volume="-7.1"), "no_candle"),
        (line(1, open=""), "no_candle"),
        (line(1, quote="1.2.3"), "no_candle"),
        (line(1, trades="5.5"), "no_candle"),
        (line(1, open_time="soon"), "no_candle"),
        (line(1, close_time="9" * 25), "no_candle"),
        (line(1, ignore="0,0"), "no_candle"),
        (b"1,2,3\n", "no_candle"),
        (b"\xff\x00\n", "no_candle"),
        (line(24), "outside_file"),
        (line(-1), "outside_file"),
    ],
)
def test_what_is_no_candle_of_the_file_is_refused_alone(bad: bytes, rule: str) -> None:
    page = read(line(), bad, line(2))
    assert [row.rule for row in page.rejected] == [rule]
    assert page.count == 2
    assert page.rows.text.count("\n") == 2
    assert "\x00" not in page.rejected[0].raw


def test_of_two_rows_with_one_open_time_the_last_counts() -> None:
    page = read(line(0, volume="1"), line(1), line(0, volume="2"))
    assert page.count == 2
    (rejected,) = page.rejected
    assert (rejected.rule, rejected.open_time) == ("duplicate_open_time", DAY.start)
    assert "\t1\t" in rejected.raw
    assert page.rows.column("volume") == ["2", "7.1"]


def test_a_cut_keeps_the_lines_that_open_inside() -> None:
    text = b"".join(line(n) for n in range(24))
    part = Span(DAY.start.replace(hour=3), DAY.start.replace(hour=5))
    assert cut(text, part) == line(3) + line(4)
    assert cut(text, DAY) == text


def test_a_damaged_first_row_is_no_header() -> None:
    damaged = line().replace(b"1", b"x", 1) + line(1)
    assert strip_header(damaged) == damaged
    assert [row.rule for row in read(line().replace(b"1", b"x", 1), line(1)).rejected] == [
        "no_candle"
    ]
