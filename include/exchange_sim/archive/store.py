"""Making archive files on demand and keeping them in a bounded folder."""

import hashlib
import re
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from exchange_sim.archive.naming import ArchiveFile
from exchange_sim.instrument import Market
from exchange_sim.intervals import iso_ms, moment, slot_end
from exchange_sim.paging import MAX_LIMIT, Query, in_microseconds

# Spot files are in microseconds from this day on.
MICROSECONDS_FROM_MS = iso_ms("2025-01-01")
_LAST_OPEN = re.compile(rb".*\[(\d+),", re.DOTALL)
# Twice as fast as the usual 6, and five percent larger.
_LEVEL = 4
# Part of every held name: to be raised when the bytes of a file change.
_FORMAT = 1


def csv_of(market: Market, file: ArchiveFile) -> bytes:
    """Return the text of a file: twelve columns, no header; empty if there are no rows."""
    parts = []
    start = file.start_ms
    # The period is over: its own end is as good a clock as any, and keeps the bytes the same.
    now_ms = slot_end(file.interval, file.end_ms)
    while start < file.end_ms:
        query = Query(file.symbol, file.interval, start, file.end_ms - 1, MAX_LIMIT)
        page = market.klines(query, now_ms)
        if page == b"[]":
            break
        last = _LAST_OPEN.match(page)
        if last is None:
            raise ValueError(f"page without rows in {file.key}")
        if file.start_ms >= MICROSECONDS_FROM_MS:
            page = in_microseconds(page)
        parts.append(page[1:-1].replace(b"],[", b"\n").translate(None, b'"[]') + b"\n")
        start = int(last[1]) + 1
    return b"".join(parts)


def zip_of(file: ArchiveFile, text: bytes) -> bytes:
    """Return a zip of one CSV; the same text always gives the same bytes."""
    at = moment(file.published_ms)
    info = zipfile.ZipInfo(f"{file.stem}.csv", at.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, text, compresslevel=_LEVEL)
    return out.getvalue()


def checksum_of(file: ArchiveFile, data: bytes) -> bytes:
    """Return the line that ``sha256sum -c`` reads."""
    return f"{hashlib.sha256(data).hexdigest()}  {file.stem}.zip\n".encode()


def checksum_size(file: ArchiveFile) -> int:
    """Return the length of a checksum's line."""
    return len(checksum_of(file, b""))


def held_name(market: Market, file: ArchiveFile) -> str:
    """Return the name under which a store holds a file of a market."""
    return f"v{_FORMAT}/{market.market_id}/{file.key}"


class ArchiveStore:
    """Keeps made files in a folder, up to a bound, oldest use out first.

    Args:
        folder: where to keep them; None makes a temporary one that goes with the process.
        most_bytes: bound on all files together.

    Attributes:
        folder: where they are.
    """

    def __init__(self, folder: Path | None, most_bytes: int) -> None:
        self._temporary = None
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="exchange_sim_")
            folder = Path(self._temporary.name)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._most = most_bytes
        self._held: dict[str, int] = {}
        for path in sorted(folder.rglob("*.zip"), key=lambda path: path.stat().st_mtime):
            self._held[path.relative_to(folder).as_posix()] = path.stat().st_size

    def close(self) -> None:
        """Remove the folder if it was made here."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def size(self, key: str) -> int | None:
        """Return the size of a file that is held, None of any other."""
        return self._held.get(key)

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes if it is held, and count it as used."""
        size = self._held.pop(key, None)
        if size is None:
            return None
        self._held[key] = size
        return (self.folder / key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        """Hold a file, dropping those that were not used for longest."""
        if len(data) > self._most:
            return
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(data)
        part.replace(path)
        self._held.pop(key, None)
        self._held[key] = len(data)
        while sum(self._held.values()) > self._most:
            oldest = next(iter(self._held))
            del self._held[oldest]
            (self.folder / oldest).unlink(missing_ok=True)
