"""From a zip to a page: only what has the published checksum and is what it should be."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime

import pytest

from candlehouse.core.errors import MalformedPayload
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.published_files import ArchiveFile, FileAnswer, Tree
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.archive.source import unpack
from support.exchanges.model_archive import ModelArchive, zipped
from support.exchanges.model_exchange import ModelExchange

DAY = datetime(2024, 1, 1, tzinfo=UTC)
FILE = ArchiveFile(Series("BTCUSDT", Timeframe.H1), Tree.DAILY, DAY)
EXCHANGE = ModelExchange(datetime(2024, 2, 1, tzinfo=UTC), {"BTCUSDT": DAY})
TEXT = ModelArchive(EXCHANGE).text(FILE)


def open_zip(data: bytes, checksum: str | None = None, most_bytes: int = 10**6) -> FileAnswer:
    found = hashlib.sha256(data).hexdigest() if checksum is None else checksum
    return unpack(FILE, FILE.span, data, found, most_bytes)


def named(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return out.getvalue()


def with_flag(data: bytes, encrypted: bool) -> bytes:
    """A zip whose directory says that it is encrypted, or packed by something unknown."""
    changed = bytearray(data)
    entry = changed.index(b"PK\x01\x02")
    changed[entry + (8 if encrypted else 10)] = 1 if encrypted else 99
    return bytes(changed)


def test_text_that_is_not_packed_is_read_as_well() -> None:
    assert open_zip(named(f"{FILE.stem}.csv")).page.rows.text == TEXT


def test_a_clean_file_goes_on_as_it_is() -> None:
    data = zipped(FILE, TEXT)
    answer = open_zip(data)
    assert answer.page.rows.text == TEXT
    assert (answer.page.count, answer.rows, answer.size) == (24, 24, len(data))
    assert answer.sha256 == hashlib.sha256(data).hexdigest()
    assert answer.page.span == FILE.span


def test_a_part_of_a_file_is_cut_out_and_its_rows_are_counted_whole() -> None:
    data = zipped(FILE, TEXT)
    part = Span(DAY.replace(hour=6), DAY.replace(hour=8))
    answer = unpack(FILE, part, data, hashlib.sha256(data).hexdigest(), 10**6)
    assert (answer.page.count, answer.rows) == (2, 24)
    assert answer.page.rows.text == b"".join(TEXT.splitlines(keepends=True)[6:8])


def test_rows_that_are_refused_do_not_count() -> None:
    answer = open_zip(zipped(FILE, TEXT + b"no,candle\n"))
    assert (answer.rows, answer.page.count, len(answer.page.rejected)) == (24, 24, 1)


def test_another_checksum_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(MalformedPayload, match="SHA-256"):
        open_zip(b"no zip at all", "0" * 64)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip at all",
        zipped(FILE, TEXT)[:-30],
        zipped(FILE, TEXT)[: len(zipped(FILE, TEXT)) // 2],
        named(),
        named("other.csv"),
        named(f"{FILE.stem}.csv", "other.csv"),
        named(f"../{FILE.stem}.csv"),
        with_flag(zipped(FILE, TEXT), encrypted=True),
        with_flag(zipped(FILE, TEXT), encrypted=False),
    ],
)
def test_what_is_no_zip_of_the_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPayload):
        open_zip(data)


def test_a_byte_that_was_changed_inside_is_found_even_under_a_right_checksum() -> None:
    data = bytearray(zipped(FILE, TEXT))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(MalformedPayload):
        open_zip(bytes(data))


def test_a_text_that_is_far_too_large_is_not_unpacked() -> None:
    with pytest.raises(MalformedPayload, match="more than"):
        open_zip(zipped(FILE, b"0" * 2_000_000))
