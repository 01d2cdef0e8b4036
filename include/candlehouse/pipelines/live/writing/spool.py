"""The spool: durable updates on disk while the database takes no writes.

Each process appends to a file of its own per kind and holds a lock on it, which the kernel
gives back however the process ends: a spool that can be locked is one that nobody writes to
any more, and whoever writes its kind replays it.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Generic

import msgspec

from candlehouse.core.live.candle_updates import CANDLES
from candlehouse.pipelines.live.writing.batches import U

_log = logging.getLogger(__name__)

# Enough for hours of the whole universe in every timeframe; REST fetches what does not fit.
MOST_BYTES = 64 * 1024 * 1024
_SUFFIX = ".spool"


@dataclass(frozen=True, slots=True)
class SpoolFormat(Generic[U]):
    """The file format of one kind's durable updates.

    Attributes:
        kind: of the updates; part of the file's name.
        encode: gives one line per update, each with its line break.
        decode: gives the update of one line; raises DecodeError of msgspec or UnicodeError
            for any other text.
    """

    kind: str
    encode: Callable[[Sequence[U]], bytes]
    decode: Callable[[bytes], U]


class Spool(Generic[U]):
    """The spool file of one kind and this process; created with the first update.

    Args:
        folder: where all processes of this machine keep theirs.
        form: of its lines.
        most_bytes: a fuller file takes nothing more.
    """

    def __init__(self, folder: Path, form: SpoolFormat[U], most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._form = form
        self._most_bytes = most_bytes
        self._file: IO[bytes] | None = None
        self._told = False

    def append(self, updates: Sequence[U]) -> int:
        """Appends updates; they are on disk when it returns.

        Returns:
            How many were kept: none of them when the file or the disk is full.
        """
        if not updates:
            return 0
        try:
            return self._append(updates)
        except OSError as error:
            # A failure of the disk must not stop receiving.
            self._tell(f"{self._folder}: {error}")
            return 0

    def _append(self, updates: Sequence[U]) -> int:
        file = self._file or self._open()
        lines = self._form.encode(updates)
        if os.fstat(file.fileno()).st_size + len(lines) > self._most_bytes:
            self._tell(f"{self._folder}: the spool is full")
            return 0
        _write_whole(file, lines)
        return len(updates)

    def _tell(self, reason: str) -> None:
        if not self._told:
            _log.error("%s: further updates of %s are lost", reason, self._form.kind)
        self._told = True

    def close(self) -> None:
        """Closes the file, so that the session that writes to the database can replay it."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _open(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}.{self._form.kind}{_SUFFIX}"
        path = self._folder / name
        unseen = path.with_suffix(".new")
        # Unbuffered, so that a full disk is noticed at once.
        file = unseen.open("ab", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Renamed only when locked, or a writer might replay it in between.
        unseen.rename(path)
        self._file, self._told = file, False
        _log.warning("without a database, updates of %s are kept in %s", self._form.kind, path)
        return file


def _write_whole(file: IO[bytes], lines: bytes) -> None:
    """Appends all of the lines, or none of them and raises OSError."""
    start = file.seek(0, os.SEEK_END)
    try:
        if file.write(lines) != len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fdatasync(file.fileno())
    except OSError:
        file.truncate(start)
        raise


def find_spools(folder: Path) -> list[Path]:
    """Every spool file in the folder, of any kind, also those that are still written to."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def find_kind(path: Path) -> str:
    """The kind of a spool's updates, from its file name."""
    # Spools of earlier versions have candles, and no kind in their name.
    return path.name.removesuffix(_SUFFIX).partition(".")[2] or CANDLES


@contextmanager
def taking_spool(path: Path) -> Iterator[IO[bytes] | None]:
    """Opens a spool for reading; None when a process still writes to it, or it is gone.

    It is deleted at the end, unless that was an error.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        # The file of another account, whose own processes can read it.
        _log.debug("the spool %s cannot be read: %s", path, error)
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file
        path.unlink(missing_ok=True)


def read_spool(file: IO[bytes], form: SpoolFormat[U], chunk: int) -> Iterator[list[U]]:
    """Yields its updates in lists of at most `chunk`; damaged lines are logged and left out."""
    while lines := list(islice(file, chunk)):
        updates = []
        for line in lines:
            try:
                updates.append(form.decode(line))
            except (msgspec.DecodeError, UnicodeError) as error:
                # The process or the machine died during the write.
                _log.warning("a line of the spool %s is damaged: %s", file.name, error)
        yield updates
