"""Candles as other programs write them: read exactly, or refused with what was not understood."""

from __future__ import annotations

import gzip
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from candlehouse.core.errors import UnreadableFile
from candlehouse.core.model import Series, Source
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.exchange.files.candle_files import read_candle_file
from candlehouse.exchange.files.cells import read_count, read_moment, read_number
from candlehouse.exchange.files.file_content import Content

BTC = Series("BTCUSDT", Timeframe.H1)
T0 = datetime(2021, 1, 1, tzinfo=UTC)
NOW = T0 + timedelta(days=300)
T0_S = to_ms(T0) // 1000
HOUR_MS = 3_600_000
NAMES = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume",
         "trades", "taker_buy_volume", "taker_buy_quote_volume")  # fmt: skip


def read(
    folder: Path, content: str | bytes, name: str = "candles.csv", series: Series = BTC
) -> Content:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_candle_file(path, series, Source.REST, NOW)


def known(content: Content) -> list[dict[str, str]]:
    """What is known of each candle that is stored, without its times."""
    rows = [line.split("\t")[1:] for line in content.page.rows]
    named = [dict(zip(NAMES, row, strict=True)) for row in rows]
    for number, row in enumerate(named):
        assert int(row["open_time"]) == to_ms(T0) + number * HOUR_MS
        assert int(row["close_time"]) == to_ms(T0) + (number + 1) * HOUR_MS - 1
    return [
        {name: value for name, value in row.items() if "time" not in name and value != "\\N"}
        for row in named
    ]


CANDLE = {"open": "2", "high": "3", "low": "1", "close": "2.5", "volume": "7.1"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", "2"), ("2.50", "2.50"), (".5", "0.5"), ("5.", "5"),
        ("8.1e-06", "0.0000081"), ("1E+3", "1000"), ("1.23456789e5", "123456.789"),
        ("1,234.5", "1234.5"), ("1,234,567", "1234567"), ("12 345.6", "12345.6"),
        # Thousands or decimals?
        ("1,234", None), ("1.234,5", None), ("1,2", None),
        ("", None), (".", None), ("-1", None), ("+1", None), ("NaN", None), ("inf", None),
        ("1e999", None), ("0x1f", None), ("1_000", None), ("1,23,456.0", None), ("²", None),
        ("$5", None), ("1.2.3", None), ("9" * 41, None),
    ],
)  # fmt: skip
def test_a_number_keeps_all_its_digits_or_is_none(text: str, number: str | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("2,5", "2.5"), ("1.234,5", "1234.5"), ("0,123", "0.123"), ("15", "15"),
     ("1,234", None), ("1.234", None), ("12.5", None)],
)  # fmt: skip
def test_where_others_have_a_decimal_comma_a_point_is_in_doubt(
    text: str, number: str | None
) -> None:
    assert read_number(text, decimal_comma=True) == number


def test_a_count_is_whole() -> None:
    assert [read_count(text) for text in ("5", "5.0", "1e3", "5.5", "x")] == [
        "5", "5", "1000", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        f"{T0_S}", f"{T0_S}.0", f"{T0_S}000", f"{T0_S}000000", f"{T0_S}000000000", f"{T0_S}000.0",
        "2021-01-01", "20210101", "2021/01/01 00:00", "2021-01-01 00:00:00", "2021-01-01T00:00Z",
        "2021-01-01 02:00:00+02:00", "2021-01-01 00:00:00 UTC", "2021-01-01T00:00:00.000000000",
    ],
)  # fmt: skip
def test_a_time_is_told_by_its_size_or_begins_with_the_year(text: str) -> None:
    assert read_moment(text) == T0


@pytest.mark.parametrize(
    "text",
    ["01/02/2021", "13/02/2021", "1/2/21", "01-02-2021", "2021-01-01 11-PM", "202101010000",
     f"{T0_S}000.5", "1.6094592E+12", "1483228799", "-5", "", "soon", "²", "9" * 30,
     "2021-W01-1", "2021-13-01"],
)  # fmt: skip
def test_other_times_are_none(text: str) -> None:
    assert read_moment(text) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("seconds", f"{T0_S},2,3,1,2.5,7.1\n"),
        ("nanoseconds", f"{T0_S}000000000,2,3,1,2.5,7.1\n"),
        ("blanks", f"{T0_S}000, 2, 3 , 1, 2.5, 7.1\n  \n"),
        ("quotes", f'"{T0_S}000", "2", "3", "1", "2.5", "7.1"\n'),
        ("index without a name", f",time,open,high,low,close,volume\n0,{T0_S},2,3,1,2.5,7.1\n"),
        ("index of times", ",open,high,low,close,volume\n2021-01-01,2,3,1,2.5,7.1\n"),
        ("semicolons", f"unix;open;high;low;close;volume\n{T0_S};2;3;1;2.5;7.1\n"),
        ("tabs", f"Open time\tOpen\tHigh\tLow\tClose\tVolume\n{T0_S}\t2\t3\t1\t2.5\t7.1\n"),
        ("decimal commas", f"{T0_S};2;3;1;2,5;7,1\n"),
        ("another order", f"volume,close,low,high,open,date\n7.1,2.5,1,3,2,{T0_S}\n"),
    ],
)  # fmt: skip
def test_forms_of_tables(tmp_path: Path, name: str, content: str) -> None:
    assert known(read(tmp_path, content)) == [CANDLE], name


def test_encodings_and_packed_files(tmp_path: Path) -> None:
    text = f"time,open,high,low,close,volume\r\n{T0_S},2,3,1,2.5,7.1\r\n"
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le"):
        mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
        assert known(read(tmp_path, mark + text.encode(encoding))) == [CANDLE]
    assert known(read(tmp_path, gzip.compress(text.encode()), "candles.csv.gz")) == [CANDLE]


def test_json_of_objects(tmp_path: Path) -> None:
    rows = [{"timestamp": T0_S, **CANDLE, "close": 2.5, "note": None}]
    content = read(tmp_path, json.dumps(rows), "candles.json")
    assert known(content) == [CANDLE]
    assert content.left_out == ("note",)


def test_a_public_collection_of_hours_is_read_with_both_of_its_volumes(tmp_path: Path) -> None:
    content = read(
        tmp_path,
        "https://www.CryptoDataDownload.com\n"
        "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount\n"
        f"{T0_S + 3600}000,2021-01-01 01:00:00,BTC/USDT,2,3,1,2.5,7.1,14.2,5\n"
        f"{T0_S}000.0,2021-01-01 00:00:00,BTC/USDT,2,3,1,2.5,7.1,14.2,5\n",
    )
    assert known(content) == [{**CANDLE, "quote_volume": "14.2", "trades": "5"}] * 2
    assert content.left_out == ("Date",)


def test_every_column_that_is_known_is_stored_and_every_other_one_named(tmp_path: Path) -> None:
    content = read(
        tmp_path,
        "Open Time,Open,High,Low,Close,Volume,Quote Asset Volume,VWAP,Ignore\n"
        "2021-01-01,2,3,1,2.5,7.1,14.2,2.2,0\n",
    )
    assert known(content) == [{**CANDLE, "quote_volume": "14.2"}]
    assert content.left_out == ("VWAP",)


def test_numbers_in_short_become_all_their_digits(tmp_path: Path) -> None:
    content = read(tmp_path, f"{T0_S},8.1e-06,9e-06,8e-06,8.2E-6,1234567.0\n")
    assert known(content) == [
        {"open": "0.0000081", "high": "0.000009", "low": "0.000008", "close": "0.0000082",
         "volume": "1234567.0"}
    ]  # fmt: skip


def test_a_close_time_in_seconds_says_no_milliseconds(tmp_path: Path) -> None:
    rows = [f"{T0_S},2,3,1,2.5,7.1,{T0_S + 3599},14.2,5.0,1,2,0"]
    everything = {"quote_volume": "14.2", "trades": "5", "taker_buy_volume": "1",
                  "taker_buy_quote_volume": "2"}  # fmt: skip
    assert known(read(tmp_path, "\n".join(rows))) == [{**CANDLE, **everything}]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("01/02/2021,2,3,1,2.5,7.1", "open_time '01/02/2021' is not understood"),
        (f'{T0_S},"1,234","1,234","1,234","1,234",7.1', "open '1,234' is not understood"),
        (f"{T0_S},2,3,1,2.5", "a row has 5 columns instead of 6"),
    ],
)
def test_a_row_of_doubt_is_refused_and_what_was_not_understood_is_said(
    tmp_path: Path, row: str, problem: str
) -> None:
    content = read(tmp_path, f"date,open,high,low,close,volume\n{row}\n")
    assert (content.page.count, content.problem) == (0, problem)
    assert [one.rule for one in content.page.rejected] == ["no_candle"]


def rows_apart(*minutes: int) -> str:
    return "".join(f"{T0_S + 60 * minute},2,3,1,2.5,7.1\n" for minute in minutes)


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [
        ((0, 120, 240), "its candles are 2h apart, which does not match 1h"),
        ((0, 120, 240, 420, 540), "its candles are 2h apart"),
        ((0, 1, 2, 3), "its candles are 1m apart"),
        ((0, 1440, 2880), "its candles are 1d apart"),
    ],
)
def test_candles_that_are_further_apart_or_nearer_are_no_candles_of_the_series(
    tmp_path: Path, minutes: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read(tmp_path, rows_apart(*minutes))
    # A plain file is looked through as a whole, and says the same.
    plain = rows_apart(*minutes).replace(",", "000,", 1).splitlines()
    lines = [f"{T0_S + 60 * m}000,2,3,1,2.5,7.1,{T0_S + 60 * m + 1}000,1,1,1,1,0" for m in minutes]
    assert len(plain) == len(lines)
    with pytest.raises(UnreadableFile, match=reason):
        read(tmp_path, "\n".join(lines) + "\n")


@pytest.mark.parametrize("minutes", [(0, 120), (0, 60, 180), (0, 60, 120, 900), (28, 88, 148)])
def test_holes_and_odd_candles_are_no_other_timeframe(
    tmp_path: Path, minutes: tuple[int, ...]
) -> None:
    assert read(tmp_path, rows_apart(*minutes)).page.count == len(minutes)


@pytest.mark.parametrize("source", list(Source))
def test_single_candles_that_close_later_are_of_another_timeframe(
    tmp_path: Path, source: Source
) -> None:
    path = tmp_path / "candles.csv"
    day_ms = 24 * HOUR_MS
    for length, reason in ((2 * HOUR_MS, "2h long, not 1h"), (day_ms, "1d long")):
        path.write_text(f"{T0_S}000,2,3,1,2.5,7.1,{T0_S * 1000 + length - 1},14,5,1,2,0\n")
        with pytest.raises(UnreadableFile, match=reason):
            read_candle_file(path, BTC, source, NOW)
    # The exchange itself has candles that were cut short.
    path.write_text(f"{T0_S}000,2,3,1,2.5,7.1,{T0_S}001,14,5,1,2,0\n")
    assert read_candle_file(path, BTC, source, NOW).page.count == 1


def test_times_of_no_slot_that_do_not_say_to_be_open_times_are_refused(tmp_path: Path) -> None:
    lines = rows_apart(59, 119, 179)
    with pytest.raises(
        UnreadableFile, match="no 1h candle opens at its times, such as 2021-01-01T00:59"
    ):
        read(tmp_path, "date,open,high,low,close,volume\n" + lines)
    content = read(tmp_path, "Open time,open,high,low,close,volume\n" + lines)
    assert content.page.count == 3


def test_parquet_without_a_reader_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnreadableFile, match="pyarrow reads; it is not installed"):
        read(tmp_path, b"PAR1", "candles.parquet")


def test_parquet_is_read_to_the_digit(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    moments = pyarrow.array([T0, T0 + timedelta(hours=1)], pyarrow.timestamp("ns"))
    table = pyarrow.table(
        {
            "Open": pyarrow.array([8.1e-06, 0.1 + 0.2]),
            "High": pyarrow.array([1.5, 2.5], pyarrow.float32()),
            "Low": [8.1e-06, 0.1],
            "Close": [8.1e-06, 0.3],
            "Volume": [7, 8],
            "__index_level_0__": moments,
        }
    )
    path = tmp_path / "candles.parquet"
    parquet.write_table(table, path)
    content = read_candle_file(path, BTC, Source.REST, NOW)
    assert [row["open"] for row in known(content)] == ["0.0000081", "0.30000000000000004"]
    assert [row["high"] for row in known(content)] == ["1.5", "2.5"]
