"""Reads files as tables of text: unpacks, decodes and splits into rows, without conversion."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import TypeAlias, cast

from candlehouse.exchange.files.columns import NEEDED, is_header
from candlehouse.exchange.files.parquet import read_parquet

Row: TypeAlias = list[str]

# A limit against decompression bombs; a year of 1m candles has about 70 million bytes.
_MOST_BYTES = 1 << 30
_BYTE_ORDERS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# The comma is tried last, because it may be part of numbers.
_SEPARATORS = ";\t|,"
_LINES_LOOKED_AT = 20
# Lines before the header, such as the web address of the file's source.
_MOST_PREAMBLE = 2


def read_bytes(path: Path) -> bytes:
    """The content of a file; of a zip or gz the unpacked content.

    Raises:
        ValueError: when a zip does not hold exactly one file, or the content exceeds 1 GiB.
    """
    name = path.name.lower()
    if name.endswith(".zip"):
        return _unzip(path)
    if name.endswith(".gz"):
        with gzip.open(path) as packed:
            return _bounded(packed.read(_MOST_BYTES + 1))
    return path.read_bytes()


def read_table(path: Path, data: bytes) -> tuple[Row | None, list[Row]]:
    """The header, None without one, and the rows.

    Raises:
        ValueError: when there are no rows, or the format is not recognised.
    """
    name = path.name.lower()
    if name.endswith(".parquet"):
        return read_parquet(data)
    if name.endswith((".json", ".json.gz")):
        header, rows = _read_json(data)
    else:
        header, rows = None, _read_lines(_decode(data))
    if not rows:
        raise ValueError("has no rows")
    return (header, rows) if header else _cut_header(rows)


def _unzip(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise ValueError(f"holds {len(members)} files instead of one")
        try:
            with archive.open(members[0]) as packed:
                return _bounded(packed.read(_MOST_BYTES + 1))
        except RuntimeError as error:  # encrypted
            raise ValueError(error) from None


def _bounded(data: bytes) -> bytes:
    if len(data) > _MOST_BYTES:
        raise ValueError(f"has more than {_MOST_BYTES:,} bytes")
    return data


def _decode(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDERS:
        if data.startswith(mark):
            return data.decode(encoding)
    return data.decode("utf-8-sig", "replace")


def _read_lines(text: str) -> list[Row]:
    lines = text.splitlines()
    reader = csv.reader(lines, strict=True, delimiter=_find_separator(lines), skipinitialspace=True)
    return [row for row in reader if len(row) > 1 or any(cell.strip() for cell in row)]


def _find_separator(lines: list[str]) -> str:
    """The separator that occurs often enough for a candle in most of the first lines."""
    looked_at = [line for line in lines[:_LINES_LOOKED_AT] if line.strip()]
    for separator in _SEPARATORS:
        enough = sum(line.count(separator) >= NEEDED - 1 for line in looked_at)
        if enough * 2 > len(looked_at):
            return separator
    return ","


def _cut_header(rows: list[Row]) -> tuple[Row | None, list[Row]]:
    for number, row in enumerate(rows[: _MOST_PREAMBLE + 1]):
        if is_header(row):
            return row, rows[number + 1 :]
    # A header has names and no numbers, so that a damaged row is not taken for a header.
    if rows[0][0][:1].isalpha() and not any(c.isdigit() for cell in rows[0] for c in cell):
        return rows[0], rows[1:]
    return None, rows


def _read_json(data: bytes) -> tuple[Row | None, list[Row]]:
    """Lists of items, or objects keyed by column; numbers keep their text."""
    payload = json.loads(_decode(data), parse_float=str, parse_int=str, parse_constant=str)
    if not isinstance(payload, list) or not payload:
        raise ValueError("is not a list of candles" if payload != [] else "has no rows")
    kinds = Counter(type(row) for row in payload if row)
    if kinds == {list: len(payload)}:
        return None, [[_text(item) for item in row] for row in payload]
    if kinds == {dict: len(payload)}:
        objects = cast("list[dict[str, object]]", payload)
        names = list(dict.fromkeys(name for one in objects for name in one))
        return names, [[_text(one.get(name, "")) for name in names] for one in objects]
    raise ValueError("is not a list of candles")


def _text(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item)
