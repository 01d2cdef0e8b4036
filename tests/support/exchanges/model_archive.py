"""Published files of a model exchange, in memory: zips as they would be on the wire.

What a file holds is made from the exchange's own candles, unless a test says otherwise.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime

from candlehouse.core.errors import ExchangeUnavailable, FileMissing
from candlehouse.core.model import Span
from candlehouse.core.planning.published_files import ArchiveFile, FileAnswer
from candlehouse.exchange.binance.archive.source import read_answer, unpack
from candlehouse.exchange.binance.facts import ARCHIVE
from support.exchanges.model_exchange import Killed, ModelExchange

MICROSECONDS_FROM = datetime(2025, 1, 1, tzinfo=UTC)
MOST_BYTES = 50_000_000


def zipped(file: ArchiveFile, text: bytes) -> bytes:
    """A zip of one text, named as it is published; the same text gives the same bytes."""
    out = io.BytesIO()
    info = zipfile.ZipInfo(f"{file.stem}.csv", (2025, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


@dataclass
class ModelArchive:
    """Answers as a CandleArchive does.

    Attributes:
        exchange: whose candles the files hold.
        texts: of files that hold something else.
        missing: paths below which nothing is published.
        checksums: of files whose published checksum is a wrong one.
        truncated: files of whose zip half is there.
        down: whether nobody answers.
        kill_after: files that are given before the process dies, None for ever.
        requested: files in the order of their requests.
        checked: files of which only the checksum was requested.
    """

    exchange: ModelExchange
    texts: dict[ArchiveFile, bytes] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    checksums: dict[ArchiveFile, str] = field(default_factory=dict)
    truncated: set[ArchiveFile] = field(default_factory=set)
    down: bool = False
    kill_after: int | None = None
    requested: list[ArchiveFile] = field(default_factory=list)
    checked: list[ArchiveFile] = field(default_factory=list)

    def locate(self, file: ArchiveFile) -> str:
        return f"https://archive.example/{ARCHIVE.path_of(file)}"

    async def fetch_checksum(self, file: ArchiveFile) -> str:
        self.checked.append(file)
        self._require(file)
        return self._checksum(file, zipped(file, self.text(file)))

    async def fetch_file(self, file: ArchiveFile, span: Span) -> FileAnswer:
        self.requested.append(file)
        if self.kill_after is not None and len(self.requested) > self.kill_after:
            raise Killed
        self._require(file)
        data = zipped(file, self.text(file))
        if file in self.truncated:
            data = data[: len(data) // 2]
            return unpack(file, span, data, hashlib.sha256(data).hexdigest(), MOST_BYTES)
        return unpack(file, span, data, self._checksum(file, data), MOST_BYTES)

    def read_rows(self, answer: FileAnswer) -> FileAnswer:
        return read_answer(answer)

    def text(self, file: ArchiveFile) -> bytes:
        """What the file holds: lines of twelve items."""
        if file in self.texts:
            return self.texts[file]
        slots = self.exchange.slots(file.series, file.span)
        return b"".join(self.line(file, slot) for slot in slots)

    def line(self, file: ArchiveFile, slot: datetime) -> bytes:
        """One line of a file."""
        items = self.exchange.row(file.series, slot).rstrip("\n").split("\t")[1:]
        if slot >= MICROSECONDS_FROM:
            items[0] += "000"
            items[6] += "999"
        return (",".join([*items, "0"]) + "\n").encode()

    def _checksum(self, file: ArchiveFile, data: bytes) -> str:
        return self.checksums.get(file, hashlib.sha256(data).hexdigest())

    def _require(self, file: ArchiveFile) -> None:
        if self.down:
            raise ExchangeUnavailable("nobody answers")
        late = ARCHIVE.expected_at(file) > self.exchange.now
        if late or any(ARCHIVE.path_of(file).startswith(path) for path in self.missing):
            raise FileMissing(f"{ARCHIVE.path_of(file)}: HTTP 404")
