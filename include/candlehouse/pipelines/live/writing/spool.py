"""Durable updates on disk while no database takes them.

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

# Hours of the whole universe in every timeframe; beyond it REST brings what is missing.
MOST_BYTES = 64 * 1024 * 1024
_SUFFIX = ".spool"


@dataclass(frozen=True, slots=True)
class SpoolFormat(Generic[U]):
    """How durable updates of one kind are written to disk.

    Attributes:
        kind: of the updates; part of the file's name.
        encode: gives one line per update, each with its line break.
        decode: gives the update of one line; raises DecodeError of msgspec or UnicodeError
            when it is none.
    """

    kind: str
    encode: Callable[[Sequence[U]], bytes]
    decode: Callable[[bytes], U]


class Spool(Generic[U]):
    """This process's file of one kind; made when there is something to keep.

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
        """Keeps updates; on disk when it returns.

        Returns:
            How many were kept: none of them when the file or the disk is full.
        """
        if not updates:
            return 0
        try:
            return self._append(updates)
        except OSError as error:
            # Receiving goes on, whatever is wrong with the disk.
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
            _log.error("%s: what comes now is not kept: %s", reason, self._form.kind)
        self._told = True

    def close(self) -> None:
        """Leaves the file to whoever writes to the database."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _open(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}.{self._form.kind}{_SUFFIX}"
        path = self._folder / name
        unseen = path.with_suffix(".new")
        # Unbuffered, so that what a full disk does not take is known at once.
        file = unseen.open("ab", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Under its name only when locked, or a writer might take it in between.
        unseen.rename(path)
        self._file, self._told = file, False
        _log.warning("no database: what must not be lost of %s goes to %s", self._form.kind, path)
        return file


def _write_whole(file: IO[bytes], lines: bytes) -> None:
    """All of the lines, or none of them and an OSError."""
    start = file.seek(0, os.SEEK_END)
    try:
        if file.write(lines) != len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fdatasync(file.fileno())
    except OSError:
        file.truncate(start)
        raise


def find_spools(folder: Path) -> list[Path]:
    """Every spool of this machine, of any kind, those that are still written to included."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def find_kind(path: Path) -> str:
    """The kind of a spool's updates, by its name."""
    # Before there were other kinds, the name of a spool had none.
    return path.name.removesuffix(_SUFFIX).partition(".")[2] or CANDLES


@contextmanager
def taking_spool(path: Path) -> Iterator[IO[bytes] | None]:
    """The spool for reading, None when its process still writes to it or it is gone.

    It is deleted at the end, unless that was an error.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        # Another account's: its own processes can read it.
        _log.debug("%s cannot be read: %s", path, error)
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
    """Its updates in lists of at most `chunk`; a line that is none, or was cut, is left out."""
    while lines := list(islice(file, chunk)):
        updates = []
        for line in lines:
            try:
                updates.append(form.decode(line))
            except (msgspec.DecodeError, UnicodeError) as error:
                # Its process or its machine died while it wrote.
                _log.warning("%s: a line cannot be read: %s", file.name, error)
        yield updates
