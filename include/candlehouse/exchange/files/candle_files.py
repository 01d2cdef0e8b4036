"""Files of candles that somebody has, read into pages.

A file has the columns of the exchange, or some of them: time, prices and volume at least.
What it does not have stays unknown. Each row is either stored or refused with a reason;
nothing in it is guessed.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from candlehouse.core.candles.candle_rows import (
    UNKNOWN,
    CandleRows,
    join_columns,
    make_line,
    match_values,
)
from candlehouse.core.candles.pages import CheckedPage, Page, PublishedPage, RejectedRow
from candlehouse.core.candles.published_rows import (
    PUBLISHED_COLUMNS,
    is_as_wide,
    join_items,
    split_items,
)
from candlehouse.core.errors import UnreadableFile
from candlehouse.core.importing.spacing import describe_length, find_spacing
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME, NO_CANDLE, NOT_CLOSED, OTHER_SYMBOL
from candlehouse.core.timeframe import EPOCH, from_ms, to_ms
from candlehouse.exchange.files.cells import (
    EARLIEST,
    has_decimal_comma,
    read_count,
    read_milliseconds,
    read_number,
)
from candlehouse.exchange.files.columns import Layout, is_header, plain_layout, read_layout
from candlehouse.exchange.files.plain import read_plain
from candlehouse.exchange.files.tables import Row, read_bytes, read_table

_TIMES = ("open_time", "close_time")
_SHOWN = 60
_FEW_ROWS = 3
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    RecursionError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # packed in a way that nobody uses
)


_PageT = TypeVar("_PageT", bound=Page, covariant=True)


@dataclass(frozen=True, slots=True)
class Content(Generic[_PageT]):
    """What is in a file.

    Attributes:
        page: its span reaches from the first candle to the last.
        left_out: names of columns that are not stored.
        problem: what was not understood of the first row that is no candle, if there is one.
    """

    page: _PageT
    left_out: tuple[str, ...] = ()
    problem: str | None = None


def read_candle_file(path: Path, series: Series, source: Source, now: datetime) -> Content[Page]:
    """The candles of a file, in order of time.

    The rows of a plain file come as they are, and the database says whether all of them are
    candles. Each row of any other file is looked at (`read_each_row`).

    Args:
        path: a file whose name ends as in `core.importing.file_names.SUFFIXES`.
        series: that it is of.
        source: that its candles count as.
        now: the exchange's time; rows that had not closed then are refused.

    Raises:
        UnreadableFile: when it is no file of candles, cannot be the exchange's own, or its
            candles are not as far apart as those of the series.
    """
    with _as_unreadable(path):
        data = read_bytes(path)
        plain = _read_plain(data, series, source, now)
        return plain or _read_rows(path, data, series, source, now)


def read_each_row(
    path: Path, series: Series, source: Source, now: datetime
) -> Content[CheckedPage]:
    """The candles of a file, each row looked at, however plain the file seems.

    Of several rows with one open time the last is kept. Arguments and errors are those of
    `read_candle_file`.
    """
    with _as_unreadable(path):
        return _read_rows(path, read_bytes(path), series, source, now)


@contextmanager
def _as_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise UnreadableFile(f"{path}: {error}") from None


def _read_rows(
    path: Path, data: bytes, series: Series, source: Source, now: datetime
) -> Content[CheckedPage]:
    header, rows = read_table(path, data)
    if not rows:
        raise ValueError("has no rows")
    layout = read_layout(header, series) if header else plain_layout(len(rows[0]))
    if source is Source.ARCHIVE and not layout.is_whole:
        whole = len(PUBLISHED_COLUMNS)
        raise ValueError(f"published files have {whole} columns, not these few")
    return _Reader(series, source, layout, now).read(rows)


def _read_plain(
    data: bytes, series: Series, source: Source, now: datetime
) -> Content[PublishedPage] | None:
    """A file as the exchange publishes it, looked through as a whole; None for any other."""
    left_out: tuple[str, ...] = ()
    if data[:1].isalpha():
        first, _, data = data.partition(b"\n")
        names = first.decode("utf-8", "replace").strip()
        header = split_items(names)
        if not is_header(header):
            return None
        layout = read_layout(header, series)
        if not layout.is_published:
            return None
        left_out = layout.left_out
    if not is_as_wide(data.partition(b"\n")[0]):
        return None
    plain = read_plain(data if data.endswith(b"\n") else data + b"\n")
    # So few rows do not say by themselves how far apart candles are.
    if plain is None or len(plain) < _FEW_ROWS:
        return None
    opens_ms = plain.opens_ms.tolist()
    if from_ms(opens_ms[0]) < EARLIEST or from_ms(opens_ms[-1]) > now - series.timeframe.length:
        return None
    _require_spacing(opens_ms, series)
    span = _span(series, from_ms(opens_ms[0]), from_ms(opens_ms[-1]))
    page = PublishedPage(series, span, source, plain.to_rows(series.timeframe))
    return Content(page, left_out)


def _span(series: Series, first: datetime, last: datetime) -> Span:
    floor = series.timeframe.floor
    return Span(floor(first), floor(last) + series.timeframe.length)


def _require_spacing(opens_ms: Sequence[int], series: Series) -> None:
    spacing = find_spacing(opens_ms)
    if spacing is not None and spacing != series.timeframe.length_ms:
        found = describe_length(spacing)
        raise ValueError(f"its candles are {found} apart, which is no {series.timeframe}")


class _Reader:
    """Reads the rows of one file."""

    def __init__(self, series: Series, source: Source, layout: Layout, now: datetime) -> None:
        self._series = series
        self._source = source
        self._layout = layout
        self._is_whole = layout.is_whole
        self._length_ms = series.timeframe.length_ms
        self._last_ms = to_ms(now - series.timeframe.length)
        self._decimal_comma = False
        # How long candles are by their close times.
        self._lengths_ms: set[int] = set()
        self._rejected: list[RejectedRow] = []
        self._problem: str | None = None

    def read(self, rows: Sequence[Row]) -> Content[CheckedPage]:
        self._decimal_comma = any(
            has_decimal_comma(cell.strip()) for row in rows for cell in row if "," in cell
        )
        kept: dict[int, tuple[str, Row]] = {}
        for row in rows:
            opens_ms = self._read_opens(row)
            line = None if opens_ms is None else self._to_line(row, opens_ms)
            if opens_ms is None or line is None:
                self._reject(row, NO_CANDLE, opens_ms)
                self._problem = self._problem or self._explain(row)
            elif self._is_of_another(row):
                self._reject(row, OTHER_SYMBOL, opens_ms)
            elif opens_ms > self._last_ms:
                self._reject(row, NOT_CLOSED, opens_ms)
            else:
                if opens_ms in kept:
                    self._reject(kept[opens_ms][1], DUPLICATE_OPEN_TIME, opens_ms)
                kept[opens_ms] = line, row
        return Content(self._to_page(kept), self._layout.left_out, self._problem)

    def _to_page(self, kept: dict[int, tuple[str, Row]]) -> CheckedPage:
        opens_ms = sorted(kept)
        self._require_opens(opens_ms)
        _require_spacing(opens_ms, self._series)
        self._require_length()
        span = Span(EPOCH, EPOCH)
        if opens_ms:
            span = _span(self._series, from_ms(opens_ms[0]), from_ms(opens_ms[-1]))
        rows = CandleRows.of_lines([kept[open_ms][0] for open_ms in opens_ms])
        return CheckedPage(self._series, span, self._source, rows, tuple(self._rejected))

    def _require_opens(self, opens_ms: Sequence[int]) -> None:
        """Times that do not say what they are of may be the ends of candles."""
        length_ms = self._length_ms
        if self._layout.says_open or len(opens_ms) < 2 or any(not o % length_ms for o in opens_ms):
            return
        first = from_ms(opens_ms[0]).isoformat()
        raise ValueError(f"no {self._series.timeframe} candle opens at its times, such as {first}")

    def _require_length(self) -> None:
        """Whole candles of a longer timeframe say so; odd ones were cut short."""
        if len(self._lengths_ms) != 1:
            return
        (found,) = self._lengths_ms
        if found > self._length_ms and found % self._length_ms == 0:
            said = describe_length(found)
            raise ValueError(f"its candles are {said} long, which is no {self._series.timeframe}")

    def _read_opens(self, row: Row) -> int | None:
        """When a row opens, of one too that has too few columns or too many."""
        place = self._layout.places["open_time"]
        if place is None or place >= len(row):
            return None
        return read_milliseconds(row[place].strip())

    def _to_line(self, row: Row, opens_ms: int) -> str | None:
        """The row as a line of `CandleRows`."""
        if len(row) != self._layout.width:
            return None
        cells = {
            column: None if place is None else row[place]
            for column, place in self._layout.places.items()
        }
        cells["open_time"] = str(opens_ms)
        cells["close_time"] = closes = self._read_closes(cells["close_time"], opens_ms)
        if closes is None:
            return None
        line = self._join(cells.values())
        if line is None:
            line = self._join([self._clean(column, cell) for column, cell in cells.items()])
        return line

    def _join(self, cells: Collection[str | None]) -> str | None:
        values = join_columns(["0" if cell is None else cell for cell in cells])
        if not match_values(values):
            return None
        if not self._is_whole:
            values = join_columns([UNKNOWN if cell is None else cell for cell in cells])
        return make_line(self._series.symbol, values)

    def _clean(self, column: str, cell: str | None) -> str | None:
        if cell is None or column in _TIMES:
            return cell
        text = cell.strip()
        is_count = column == "trades"
        number = read_count(text) if is_count else read_number(text, self._decimal_comma)
        # Text that is no number is none of a line either.
        return cell or "?" if number is None else number

    def _read_closes(self, cell: str | None, opens_ms: int) -> str | None:
        """Milliseconds; as usual where it is not said, or said in seconds alone."""
        usual = opens_ms + self._length_ms - 1
        closes_ms = usual if cell is None else read_milliseconds(cell.strip())
        if closes_ms is None:
            return None
        closes_ms = usual if closes_ms == usual // 1000 * 1000 else closes_ms
        self._lengths_ms.add(closes_ms + 1 - opens_ms)
        return str(closes_ms)

    def _is_of_another(self, row: Row) -> bool:
        place = self._layout.symbol
        if place is None or row[place] == self._series.symbol:
            return False
        return row[place].strip().replace("/", "").replace("-", "") != self._series.symbol

    def _reject(self, row: Row, rule: str, opens_ms: int | None) -> None:
        # PostgreSQL's text has no room for the character 0.
        raw = join_items(row).replace("\x00", "\N{REPLACEMENT CHARACTER}")
        opens = None if opens_ms is None else from_ms(opens_ms)
        self._rejected.append(RejectedRow(raw, rule, opens))

    def _explain(self, row: Row) -> str:
        """What is not understood of a row that is no candle."""
        if len(row) != self._layout.width:
            return f"a row has {len(row)} columns and not {self._layout.width}"
        for column, place in self._layout.places.items():
            cell = "" if place is None else row[place].strip()
            if column in _TIMES:
                understood: object = read_milliseconds(cell)
            elif column == "trades":
                understood = read_count(cell)
            else:
                understood = read_number(cell, self._decimal_comma)
            if place is not None and understood is None:
                return f"{column} {cell[:_SHOWN]!r} is not understood"
        return "a number is too long"
