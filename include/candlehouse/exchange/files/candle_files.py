"""Reads candle files of users into pages.

A file has all columns of the exchange or some of them, at least time, prices and volume; missing
columns stay NULL. Each row is either stored or refused with a reason; no value is guessed.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from candlehouse.core.candles.pages import CheckedPage, Page, PublishedPage
from candlehouse.core.candles.published_rows import (
    PUBLISHED_COLUMNS,
    has_all_columns,
    split_items,
)
from candlehouse.core.errors import UnreadableFile
from candlehouse.core.model import Series, Source
from candlehouse.core.timeframe import from_ms
from candlehouse.exchange.files.cells import (
    EARLIEST,
)
from candlehouse.exchange.files.columns import is_header, plain_layout, read_layout
from candlehouse.exchange.files.file_content import Content, find_span, require_spacing
from candlehouse.exchange.files.plain import read_plain
from candlehouse.exchange.files.row_reader import RowReader
from candlehouse.exchange.files.tables import read_bytes, read_table

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


def read_candle_file(path: Path, series: Series, source: Source, now: datetime) -> Content[Page]:
    """Reads the candles of a file, in order of time.

    The rows of a plain file are passed on unchanged, and the database checks whether all of them
    are candles. Any other file is parsed row by row (`read_each_row`).

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
    return RowReader(series, source, layout, now).read(rows)


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
    require_spacing(opens_ms, series)
    span = find_span(series, from_ms(opens_ms[0]), from_ms(opens_ms[-1]))
    page = PublishedPage(series, span, source, plain.to_rows(series.timeframe))
    return Content(page, left_out)
