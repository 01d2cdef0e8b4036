"""Downloads published candle files, verifies their checksum and unpacks them, at no weight."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import struct
import zipfile
import zlib
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

import aiohttp
from isal import isal_zlib

from candlehouse.core.candles.pages import PublishedPage
from candlehouse.core.candles.published_rows import count_lines
from candlehouse.core.errors import MalformedPayload
from candlehouse.core.model import Source, Span
from candlehouse.core.planning.published_files import ArchiveFile, FileAnswer
from candlehouse.core.retries import Retries
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.binance.archive.download import Downloader
from candlehouse.exchange.binance.archive.lines import cut, read_lines, strip_header
from candlehouse.exchange.binance.facts import ARCHIVE
from candlehouse.exchange.files.plain import read_plain
from candlehouse.exchange.sessions import open_session
from candlehouse.retrying import policy_of

_CHECKSUM = re.compile(r"([0-9a-fA-F]{64})\s+\*?(\S+)\s*")
_MOST_CHECKSUM_BYTES = 1024
# The longest row seen has 190 bytes: a much larger text is not a file of candles.
_MOST_ROW_BYTES = 400
_SPARE_BYTES = 65_536
_CONNECTIONS = 32
_READ_S = 30.0
_WAYS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)
_ENCRYPTED = 1
# Offset of the lengths of name and extra field in a member's local header.
_LENGTHS_AT = 26
# While a file is being replaced, it does not match its checksum for a moment.
_LOOKS = 3


class ArchiveSource:
    """A client of published files; an asynchronous context manager, for one event loop.

    Args:
        archive_url: base URL without path.
        retries: policy for failures that may pass.
        identity: the exchange that must answer, `binance` or `sim:<market id>`; None
            accepts any.
    """

    def __init__(
        self, archive_url: str, retries: Retries | None = None, *, identity: str | None = None
    ) -> None:
        self._url = archive_url
        self._retries = retries or Retries()
        self._identity = identity
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(self._url, read_s=_READ_S, connections=_CONNECTIONS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def locate(self, file: ArchiveFile) -> str:
        """The file's URL."""
        return f"{self._url}/{ARCHIVE.path_of(file)}"

    async def fetch_checksum(self, file: ArchiveFile) -> str:
        """The published SHA-256 of a file, in lower-case hexadecimal.

        Raises:
            FileMissing: when no checksum is published.
            ExchangeUnavailable: when the archive cannot be reached.
            MalformedPayload: when it is not a checksum, or that of another file.
        """
        url = f"{self.locate(file)}.CHECKSUM"
        text = (await self._downloader.get(url, _MOST_CHECKSUM_BYTES)).decode(errors="replace")
        found = _CHECKSUM.fullmatch(text)
        if found is None or found[2] != f"{file.stem}.zip":
            raise MalformedPayload(
                f"{hide_user_info(url)}: no checksum of the file: {text[:120]!r}"
            )
        return found[1].lower()

    async def fetch_file(self, file: ArchiveFile, span: Span) -> FileAnswer:
        """Downloads a file, verifies its checksum and cuts its candles to `span`.

        Raises:
            FileMissing: when it is not published, or has no checksum.
            MalformedPayload: when the content does not match its checksum, or is not a file of
                candles.
            ExchangeUnavailable: when the archive cannot be reached.
        """
        policy = policy_of(self._retries, MalformedPayload, _LOOKS)
        return await policy.call_async(partial(self._fetch_once, file, span), self._retries.sleep)

    def read_rows(self, answer: FileAnswer) -> FileAnswer:
        """Parses the file again row by row, because not all of its rows are candles."""
        return read_answer(answer)

    async def _fetch_once(self, file: ArchiveFile, span: Span) -> FileAnswer:
        checksum = await self.fetch_checksum(file)
        most_bytes = file.slots * _MOST_ROW_BYTES + _SPARE_BYTES
        received = await self._downloader.get(self.locate(file), most_bytes)
        return await asyncio.to_thread(unpack, file, span, received, checksum, most_bytes)

    @property
    def _downloader(self) -> Downloader:
        if self._session is None:
            raise RuntimeError("ArchiveSource is used outside of its async with block")
        return Downloader(self._session, self._retries, self._identity)


def unpack(
    file: ArchiveFile, span: Span, received: bytes, checksum: str, most_bytes: int
) -> FileAnswer:
    """Converts a zip to a page after verifying its checksum.

    Args:
        file: that was requested.
        span: of the wanted candles.
        received: the zip.
        checksum: SHA-256 that it must have.
        most_bytes: highest size of its unpacked text.

    Raises:
        MalformedPayload: when it has another checksum, or contains no text of candles.
    """
    found = hashlib.sha256(received).hexdigest()
    if found != checksum:
        raise MalformedPayload(f"{file}: SHA-256 is {found} and not {checksum}, as published")
    text = strip_header(_read_text(file, received, most_bytes))
    plain = read_plain(text)
    if plain is None or not plain.fits(file.span):
        page = read_lines(file.series, span, text if span == file.span else cut(text, span))
        rows = count_lines(text) - len(page.rejected)
        return FileAnswer(file, page, found, len(received), rows)
    part = plain.cut(span).to_rows(file.series.timeframe)
    published = PublishedPage(file.series, span, Source.ARCHIVE, part)
    return FileAnswer(file, published, found, len(received), len(plain))


def read_answer(answer: FileAnswer) -> FileAnswer:
    """Parses the file again row by row, because not all of its rows are candles."""
    assert isinstance(answer.page, PublishedPage), f"{answer.file}: its rows were parsed already"
    page = read_lines(answer.file.series, answer.page.span, answer.page.rows.text)
    return replace(answer, page=page, rows=answer.rows - len(page.rejected))


def _read_text(file: ArchiveFile, received: bytes, most_bytes: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(received)) as archive:
            members = archive.infolist()
            if [member.filename for member in members] != [f"{file.stem}.csv"]:
                names = [member.filename for member in members][:3]
                raise MalformedPayload(f"{file}: contains {names} instead of its text alone")
            if members[0].file_size > most_bytes:
                raise MalformedPayload(f"{file}: its text has more than {most_bytes} bytes")
            return _inflate(received, members[0])
    except (zipfile.BadZipFile, isal_zlib.error, struct.error, ValueError) as error:  # type: ignore[misc]  # it is an exception
        raise MalformedPayload(f"{file}: {error}") from None


def _inflate(received: bytes, member: zipfile.ZipInfo) -> bytes:
    """The content of one member of a zip, in half the time that zipfile takes.

    Raises:
        ValueError: when the compression method is not supported, or the content does not match the
            zip's directory.
    """
    lengths_at = member.header_offset + _LENGTHS_AT
    name, extra = struct.unpack_from("<HH", received, lengths_at)
    start = lengths_at + 4 + name + extra
    packed = memoryview(received)[start : start + member.compress_size]
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _WAYS:
        raise ValueError(f"unsupported compression method: {member.compress_type}")
    if member.compress_type == zipfile.ZIP_STORED:
        text = bytes(packed)
    else:
        text = isal_zlib.decompress(packed, -zlib.MAX_WBITS, member.file_size)
    if len(text) != member.file_size or isal_zlib.crc32(text) != member.CRC:
        raise ValueError("its text has another length or CRC than its directory says")
    return text
