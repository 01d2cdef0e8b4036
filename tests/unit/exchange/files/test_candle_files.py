"""Files of every form become pages; what is no candle is refused row by row, or as a whole."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage, PublishedPage
from candlehouse.core.errors import UnreadableFile
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.exchange.files.candle_files import read_candle_file, read_each_row

BTC = Series("BTCUSDT", Timeframe.H1)
T0 = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOUR_MS = Timeframe.H1.length_ms
NOW = T0 + 24 * HOUR
HEADER = "timestamp,open,high,low,close,volume,close_time,quote_av,trades,tb_base_av,tb_quote_av,x"


def row(number: int = 0, **changed: object) -> list[str]:
    opens = to_ms(T0 + number * HOUR)
    items: dict[str, object] = {
        "open_time": opens, "open": "2.00", "high": "3.00", "low": "1.00", "close": "2.50",
        "volume": "7.1", "close_time": opens + HOUR_MS - 1, "quote": "14.2", "trades": 5,
        "taker": "3.5", "taker_quote": "7.0", "ignore": "0",
    }  # fmt: skip
    assert changed.keys() <= items.keys()
    return [str(value) for value in {**items, **changed}.values()]


def line(number: int = 0, **changed: object) -> str:
    """What a page has of a row."""
    return "\t".join(("BTCUSDT", *row(number, **changed)[:-1])) + "\n"


def few_line(number: int = 0) -> str:
    """What a page has of a row of which only prices and volume are known."""
    unknown = dict.fromkeys(("quote", "trades", "taker", "taker_quote"), r"\N")
    return line(number, **unknown)


def read(path: Path, source: Source = Source.REST, now: datetime = NOW) -> CheckedPage:
    return read_each_row(path, BTC, source, now).page


def save(folder: Path, *lines: str, name: str = "candles.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def joined(*rows: list[str]) -> list[str]:
    return [",".join(one) for one in rows]


def test_twelve_columns_keep_every_character(tmp_path: Path) -> None:
    plain = read(save(tmp_path, *joined(row(0, volume="07.100"), row(2))))
    rows = CandleRows(line(0, volume="07.100") + line(2))
    assert plain == CheckedPage(BTC, Span(T0, T0 + 3 * HOUR), Source.REST, rows)
    named = read(save(tmp_path, HEADER, *joined(row(0, volume="07.100"), row(2))))
    assert named == plain
    assert read(save(tmp_path, *joined(row())), Source.ARCHIVE).source is Source.ARCHIVE


def test_times_may_be_microseconds_or_iso(tmp_path: Path) -> None:
    opens = to_ms(T0)
    micro = row(open_time=opens * 1000, close_time=(opens + HOUR_MS) * 1000 - 1)
    local = row(1, open_time="2025-01-01T03:00:00+02:00")
    text = row(2, open_time="2025-01-01 02:00:00")
    page = read(save(tmp_path, *joined(micro, local, text)))
    assert page.rows.text == line(0) + line(1) + line(2)


def test_few_columns_leave_the_others_unknown(tmp_path: Path) -> None:
    rows = [row(0)[:6], row(1)[:6]]
    assert read(save(tmp_path, *joined(*rows))).rows.text == few_line(0) + few_line(1)
    shuffled = [["BTCUSDT", *reversed(one)] for one in rows]
    page = read(save(tmp_path, "Ticker,Volume,Close,Low,High,Open,Date", *joined(*shuffled)))
    assert page.rows.text == few_line(0) + few_line(1)


def test_rows_may_come_in_any_order_and_the_last_of_two_counts(tmp_path: Path) -> None:
    page = read(save(tmp_path, *joined(row(2), row(0, close="1.5"), row(1), row(0))))
    assert page.rows.text == line(0) + line(1) + line(2)
    (rejected,) = page.rejected
    assert (rejected.rule, rejected.open_time) == ("duplicate_open_time", T0)
    assert rejected.raw == ",".join(row(0, close="1.5"))


def test_json_pages_are_read_with_their_numbers_as_they_are(tmp_path: Path) -> None:
    opens = to_ms(T0)
    text = f'[[{opens},2.00,3.00,"1.00",2.50,7.1,{opens + HOUR_MS - 1},"14.2",5,"3.5","7.0","0"]]'
    assert read(save(tmp_path, text, name="page.json")).rows.text == line()
    few = json.dumps([row(0)[:6]])
    assert read(save(tmp_path, few, name="page.json")).rows.text == few_line()


def test_a_zip_has_one_file(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2025-01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-1h-2025-01.csv", "\n".join(joined(row())))
    assert read(path).rows.text == line()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("another.csv", "")
    with pytest.raises(UnreadableFile, match="holds 2 files"):
        read(path)


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (row(1, close="NaN"), "no_candle"),
        (row(1, close="-1"), "no_candle"),
        (row(1, close="1e999"), "no_candle"),
        (row(1, close="1,234"), "no_candle"),
        (row(1, close=""), "no_candle"),
        (row(1, trades="5.5"), "no_candle"),
        (row(1, open_time="soon"), "no_candle"),
        (row(1, open_time="²"), "no_candle"),
        (row(1, open_time="1.7357292e+12"), "no_candle"),
        (row(1, open_time=to_ms(T0) // 60_000), "no_candle"),
        (row(1, open_time="01/02/2025"), "no_candle"),
        (row(1, open_time="202501010100"), "no_candle"),
        (row(1, open_time="9" * 30), "no_candle"),
        (row(1, close_time="later"), "no_candle"),
        (row(1, close="2\x00"), "no_candle"),
        (row(1)[:-1], "no_candle"),
        ([*row(1), "0"], "no_candle"),
        (row(23, open_time=to_ms(T0 + 23 * HOUR) + 1), "not_closed"),
        (row(1, open_time=4_102_444_800_000), "not_closed"),
    ],
    ids=repr,
)
def test_what_is_no_closed_candle_is_refused_alone(
    tmp_path: Path, bad: list[str], rule: str
) -> None:
    page = read(save(tmp_path, *joined(row(0), bad, row(23))))
    assert page.rows.text == line(0) + line(23)
    (rejected,) = page.rejected
    assert rejected.rule == rule
    assert "\x00" not in rejected.raw


@pytest.mark.parametrize("bad", [row(1)[:-1], [*row(1), "0"], row(1, close="")], ids=repr)
def test_a_refused_row_keeps_when_it_opens(tmp_path: Path, bad: list[str]) -> None:
    page = read(save(tmp_path, *joined(row(0), bad)))
    assert [one.open_time for one in page.rejected] == [T0 + HOUR]


def test_a_row_of_another_symbol_is_refused(tmp_path: Path) -> None:
    lines = [",".join([*row(n)[:6], s]) for n, s in enumerate(("BTCUSDT", "ETHUSDT"))]
    page = read(save(tmp_path, "date,open,high,low,close,volume,symbol", *lines))
    assert page.rows.text == few_line()
    assert [one.rule for one in page.rejected] == ["other_symbol"]


def test_a_file_of_refused_rows_alone_is_an_empty_page(tmp_path: Path) -> None:
    page = read(save(tmp_path, *joined(row(0, close="x"), row(1, close="y"))))
    assert (page.count, len(page.rejected)) == (0, 2)
    assert page.span.start == page.span.end


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", "", "has no rows"),
        ("a.csv", "\n\n", "has no rows"),
        ("a.csv", f"{HEADER}\n", "has no rows"),
        ("a.csv", "1,2,3\n", "has 3 columns and no header"),
        ("a.csv", "date,open,high,low,last,volume\n1,2,3,4,5,6", "its header has no close"),
        ("a.csv", "date,open,high,low,close,vol,volume\n1,2,3,4,5,6,7", "2 columns for volume"),
        ("a.csv", "date,open,high,low,close,Volume USDT\n1,2,3,4,5,6", "its header has no volume"),
        ("a.csv.gz", "no gzip", "Not a gzipped file"),
        ("a.parquet", "no parquet", "[Pp]arquet"),
        ("a.json", '[{"open":1},[2]]', "is not a list of candles"),
        ("a.csv", '"1,2\n', "unexpected end of data"),
        ("a.json", '{"code":-1121}', "is not a list of candles"),
        ("a.json", "[[]]", "is not a list of candles"),
        ("a.json", "[[1,", "Expecting value"),
        ("a.json", "[" * 100_000, "recursion"),
        ("a.zip", "PK but not really", "not a zip file"),
        ("missing.csv", None, "No such file"),
    ],
)
def test_what_is_no_file_of_candles_is_refused_as_a_whole(
    tmp_path: Path, name: str, content: str | None, reason: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableFile, match=rf"(?s){name}: .*{reason}"):
        read(path)


def test_few_columns_cannot_be_what_the_exchange_published(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="published files have 12 columns"):
        read(save(tmp_path, *joined(row()[:6])), Source.ARCHIVE)


def test_a_plain_file_comes_as_it_is_and_is_the_same_row_by_row(tmp_path: Path) -> None:
    lines = joined(*(row(number) for number in (0, 1, 3)))
    header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    header += "taker_buy_volume,taker_buy_quote_volume,ignore"
    for text in (lines, [header, *lines]):
        page = read_candle_file(save(tmp_path, *text), BTC, Source.REST, NOW).page
        assert isinstance(page, PublishedPage)
        assert page.rows.text.decode() == "".join(f"{one}\n" for one in lines)
        assert (page.rejected, page.count, page.span) == ((), 3, Span(T0, T0 + 4 * HOUR))
        assert [day.candles for day in page.rows.days] == [3]
        assert read(save(tmp_path, *text)).rows.text == line(0) + line(1) + line(3)


@pytest.mark.parametrize(
    "lines",
    [
        joined(row(0)[:6], row(1)[:6]),
        joined(row(0), row(0)),
        joined(row(1), row(0)),
        joined(row(0), row(24)),
        joined(row(0, open_time=to_ms(datetime(2016, 1, 1, tzinfo=UTC)))),
        joined(row(0, close="8.1e-06")),
        [",".join(HEADER.split(",")[::-1]), *joined(row(0)[::-1])],
    ],
)
def test_what_is_not_plain_is_read_row_by_row(tmp_path: Path, lines: list[str]) -> None:
    path = save(tmp_path, *lines)
    assert read_candle_file(path, BTC, Source.REST, NOW).page == read(path)
    assert isinstance(read(path), CheckedPage)
