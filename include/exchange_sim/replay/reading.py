"""Candle files of every kind into rows of Binance's JSON, values untouched.

Nothing is corrected on the way: rows off the grid, odd close times and old unused columns
are what the exchange published, and a stand-in that tidied them would hide them.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import PurePath

import msgspec

COLUMNS = 12
# Times from 2025 are in microseconds; told apart by size, row by row.
_MICROSECONDS_FROM = 10**14
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_HAS_WORD = re.compile(r"[A-Za-z_]{2,}")
# Open time in milliseconds and the encoded row, which is None if it has too few columns.
Row = tuple[int, bytes | None]


class FolderError(Exception):
    """A folder that cannot be served; the text names the file and the reason."""


def _milliseconds(text: str) -> int:
    if text.isascii() and text.isdigit():
        value = int(text)
        return value // 1000 if value >= _MICROSECONDS_FROM else value
    at = datetime.fromisoformat(text)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return round(at.timestamp() * 1000)


def _encode(fields: list[str]) -> tuple[int, bytes]:
    """Return open time and JSON of twelve columns.

    Raises:
        ValueError: a field is no number, or a time no time.
    """
    for index in (1, 2, 3, 4, 5, 7, 9, 10, 11):
        if not _NUMBER.fullmatch(fields[index]):
            raise ValueError(f"{fields[index]!r} is not a number")
    opened, closed, trades = _milliseconds(fields[0]), _milliseconds(fields[6]), int(fields[8])
    o, h, l, c, v = fields[1:6]  # noqa: E741 - the names that the columns have everywhere
    _, q, _, tb, tq, unused = fields[6:]
    text = (
        f'[{opened},"{o}","{h}","{l}","{c}","{v}",{closed},"{q}",{trades},"{tb}","{tq}","{unused}"]'
    )
    return opened, text.encode()


def _rows(fields: Iterable[list[str]], where: str) -> Iterator[Row]:
    for number, row in enumerate(fields, start=1):
        try:
            yield (_milliseconds(row[0]), None) if len(row) < COLUMNS else _encode(row)
        except ValueError as error:
            raise FolderError(f"{where}, row {number}: {error}") from error


def _csv_rows(data: bytes, where: str) -> Iterator[Row]:
    lines = data.decode("utf-8-sig").splitlines()
    if lines and _HAS_WORD.search(lines[0].split(",", 1)[0]):
        lines = lines[1:]
    fields = ([part.strip() for part in line.split(",")] for line in lines if line.strip())
    return _rows(fields, where)


def _json_rows(data: bytes, where: str) -> Iterator[Row]:
    try:
        page = msgspec.json.decode(data, type=list[list[int | str]])
    except msgspec.DecodeError as error:
        raise FolderError(f"{where}: not a page of klines ({error})") from error
    return _rows(([str(value) for value in row] for row in page), where)


def read_rows(name: PurePath, data: bytes) -> Iterator[Row]:
    """Yield the rows of one file in its own order.

    Args:
        name: path of the file, which also says what kind it is.
        data: its bytes; a zip holds CSV files.

    Raises:
        FolderError: it cannot be read; the text names file and row.
    """
    where = str(name)
    suffix = name.suffix.lower()
    try:
        if suffix == ".json":
            yield from _json_rows(data, where)
        elif suffix == ".csv":
            yield from _csv_rows(data, where)
        else:
            with zipfile.ZipFile(BytesIO(data)) as archive:
                for member in sorted(archive.namelist()):
                    yield from _csv_rows(archive.read(member), f"{where}/{member}")
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise FolderError(f"{where}: {error}") from error
