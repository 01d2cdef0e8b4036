"""Reads candle files of users into pages.

A file has all columns of the exchange or some of them, at least time, prices and volume; missing
columns stay NULL. Each row is either stored or refused with a reason; no value is guessed.
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
    has_all_columns,
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
    NotImplementedError,  # an unusual compression method of a zip
)


_PageT = TypeVar("_PageT", bound=Page, covariant=True)


@dataclass(frozen=True, slots=True)
class Content(Generic[_PageT]):
    """The content of a file.

    Attributes:
        page: its span reaches from the slot of the first candle to the end of the last.
        left_out: names of columns that are not stored.
        problem: why the first refused row was not understood; None without refused rows.
    """

    page: _PageT
    left_out: tuple[str, ...] = ()
    problem: str | None = None


def read_candle_file(path: Path, series: Series, source: Source, now: datetime) -> Content[Page]:
    """Reads the candles of a file, in order of time.

    The rows of a plain file are passed on unchanged, and the database checks whether all of them
    are
    candles. Any other file is parsed row by row (`read_each_row`).

    Args:
        path: a file with one of `core.importing.file_names.SUFFIXES`.
        series: of the candles.
        source: recorded as the source of the candles.
        now: the exchange's time; rows that had not closed by then are refused.

    Raises:
        UnreadableFile: when it is not a file of candles, cannot be the exchange's own file, or the
            distance between its candles does not match the timeframe.
    """
    with _as_unreadable(path):
        data = read_bytes(path)
        plain = _read_plain(data, series, source, now)
        return plain or _read_rows(path, data, series, source, now)


def read_each_row(
    path: Path, series: Series, source: Source, now: datetime
) -> Content[CheckedPage]:
    """Reads the candles of a file by parsing each row, even of a plain file.

    Of several rows with the same open time the last one is kept. Arguments and errors are those of
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
    """Reads a file as the exchange publishes it, without parsing rows; None for any other file."""
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
    if not has_all_columns(data.partition(b"\n")[0]):
        return None
    plain = read_plain(data if data.endswith(b"\n") else data + b"\n")
    # Fewer rows are not enough to determine the distance between candles.
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
        raise ValueError(f"its candles are {found} apart, which does not match {series.timeframe}")


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
        # The lengths of candles according to their close times.
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
        """Rejects unnamed times of which none is on the grid: they may be close times."""
        length_ms = self._length_ms
        if self._layout.says_open or len(opens_ms) < 2 or any(not o % length_ms for o in opens_ms):
            return
        first = from_ms(opens_ms[0]).isoformat()
        raise ValueError(f"no {self._series.timeframe} candle opens at its times, such as {first}")

    def _require_length(self) -> None:
        """Rejects a file whose close times show a longer timeframe; shorter ones were cut short."""
        if len(self._lengths_ms) != 1:
            return
        (found,) = self._lengths_ms
        if found > self._length_ms and found % self._length_ms == 0:
            length = describe_length(found)
            raise ValueError(f"its candles are {length} long, not {self._series.timeframe}")

    def _read_opens(self, row: Row) -> int | None:
        """The open time of a row, also of a row with a wrong number of columns."""
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
        # A text that is not a number does not match the pattern of a line either.
        return cell or "?" if number is None else number

    def _read_closes(self, cell: str | None, opens_ms: int) -> str | None:
        """The close time in milliseconds; the usual one for a missing or truncated time.

        A time is truncated when it is the usual one in whole seconds.
        """
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
        # PostgreSQL cannot store the character U+0000 in text.
        raw = join_items(row).replace("\x00", "\N{REPLACEMENT CHARACTER}")
        opens = None if opens_ms is None else from_ms(opens_ms)
        self._rejected.append(RejectedRow(raw, rule, opens))

    def _explain(self, row: Row) -> str:
        """Why a row is not a candle."""
        if len(row) != self._layout.width:
            return f"a row has {len(row)} columns instead of {self._layout.width}"
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
