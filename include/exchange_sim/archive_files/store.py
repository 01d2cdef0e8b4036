"""Making archive files on demand and keeping them in a bounded folder."""

import tempfile
import zipfile
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from exchange_sim.archive_files.archive_names import ArchiveFile
from exchange_sim.archive_files.packing import pack
from exchange_sim.archive_files.sums import Sums, read_sums, sums_of, write_sums
from exchange_sim.klines.instrument import Market
from exchange_sim.klines.intervals import iso_ms, moment

# Spot files are in microseconds from this day on.
MICROSECONDS_FROM_MS = iso_ms("2025-01-01")
# Part of every held name: to be raised when the bytes of a file change.
_FORMAT = 2
_SHA256_DIGITS = 64


def csv_of(market: Market, file: ArchiveFile) -> bytes:
    """Return the text of a file: twelve columns, no header; empty if there are no rows."""
    microseconds = file.start_ms >= MICROSECONDS_FROM_MS
    span = (file.start_ms, file.end_ms)
    return market.csv(file.symbol, file.interval, *span, microseconds=microseconds)


def zip_of(file: ArchiveFile, text: bytes) -> bytes:
    """Return a zip of one CSV; the same text always gives the same bytes."""
    return pack(f"{file.stem}.csv", text, moment(file.published_ms))


def text_of(data: bytes) -> bytes:
    """Return the CSV inside a zip of one file."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return archive.read(archive.infolist()[0])


def checksum_of(file: ArchiveFile, sha256: str) -> bytes:
    """Return the line that ``sha256sum -c`` reads."""
    return f"{sha256}  {file.stem}.zip\n".encode()


def checksum_size(file: ArchiveFile) -> int:
    """Return the length of a checksum's line."""
    return len(checksum_of(file, "0" * _SHA256_DIGITS))


def held_name(market: Market, file: ArchiveFile) -> str:
    """Return the name under which a store holds a file of a market."""
    return f"v{_FORMAT}/{market.market_id}/{file.key}"


@dataclass(slots=True)
class _Held:
    size: int
    sums: Sums | None = None


class ArchiveStore:
    """Keeps made files in a folder, up to a bound, oldest use out first.

    Beside each file lie its sums, so that a server that finds files ready reads none of them
    to say its checksum.

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
        self._held: OrderedDict[str, _Held] = OrderedDict()
        for path in sorted(folder.rglob("*.zip"), key=lambda path: path.stat().st_mtime):
            self._held[path.relative_to(folder).as_posix()] = _Held(path.stat().st_size)
        self._total = sum(held.size for held in self._held.values())

    def close(self) -> None:
        """Remove the folder if it was made here."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def size(self, key: str) -> int | None:
        """Return the size of a file that is held, None of any other."""
        held = self._held.get(key)
        return None if held is None else held.size

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes if it is held, and count it as used."""
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return (self.folder / key).read_bytes()

    def sums(self, key: str) -> Sums | None:
        """Return the sums of a file that is held, and count it as used; it is read once at most."""
        held = self._held.get(key)
        if held is None:
            return None
        self._held.move_to_end(key)
        if held.sums is None:
            held.sums = self._kept_sums(key) or _sum_up(self.folder / key)
        return held.sums

    def write(self, key: str, data: bytes) -> Sums:
        """Hold a file, dropping those that were not used for longest; gives its sums."""
        sums = sums_of(data)
        if len(data) > self._most:
            return sums
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(data)
        part.replace(path)
        old = self._held.pop(key, None)
        self._total += len(data) - (0 if old is None else old.size)
        self._held[key] = _Held(len(data), _keep_sums(path, sums))
        while self._total > self._most:
            oldest, dropped = self._held.popitem(last=False)
            self._total -= dropped.size
            (self.folder / oldest).unlink(missing_ok=True)
            _beside(self.folder / oldest).unlink(missing_ok=True)
        return sums

    def _kept_sums(self, key: str) -> Sums | None:
        path = self.folder / key
        try:
            line = _beside(path).read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        stat = path.stat()
        return read_sums(line, stat.st_size, stat.st_mtime_ns)


def _sum_up(path: Path) -> Sums:
    sums = sums_of(path.read_bytes())
    # A folder that may only be read serves as well, at the price of one more reading.
    with suppress(OSError):
        _keep_sums(path, sums)
    return sums


def _keep_sums(path: Path, sums: Sums) -> Sums:
    # A line cut short by a kill is recognised by its length when it is read.
    _beside(path).write_text(write_sums(sums, path.stat().st_mtime_ns), encoding="ascii")
    return sums


def _beside(path: Path) -> Path:
    """Return where the sums of a held file are."""
    return path.with_name(path.name + ".sums")
