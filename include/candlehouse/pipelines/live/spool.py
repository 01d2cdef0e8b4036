"""Closed candles on disk while no database takes them.

Each process appends to a file of its own and holds a lock on it, which the kernel gives
back however the process ends: a spool that can be locked is one that nobody writes to
any more, and whoever writes candles replays it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

import msgspec

from candlehouse.core.live import CandleUpdate

_log = logging.getLogger(__name__)

# Hours of the whole universe in every timeframe; beyond it REST brings what is missing.
MOST_BYTES = 64 * 1024 * 1024
_SUFFIX = ".spool"
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(CandleUpdate)


class Spool:
    """The file of this process; made when there is something to keep.

    Args:
        folder: where all processes of this machine keep theirs.
        most_bytes: a fuller file takes nothing more.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._file: IO[bytes] | None = None
        self._told_full = False

    def append(self, updates: Sequence[CandleUpdate]) -> int:
        """Keeps closed candles; on disk when it returns.

        Returns:
            How many were kept: none of them when the file is full.
        """
        if not updates:
            return 0
        file = self._file or self._open()
        lines = _ENCODER.encode_lines(updates)
        if file.tell() + len(lines) > self._most_bytes:
            if not self._told_full:
                _log.error("%s is full: what closes now is left to REST", file.name)
            self._told_full = True
            return 0
        file.write(lines)
        file.flush()
        os.fdatasync(file.fileno())
        return len(updates)

    def close(self) -> None:
        """Leaves the file to whoever writes candles."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _open(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
        file = path.open("ab")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._file, self._told_full = file, False
        _log.warning("no database: closed candles go to %s", path)
        return file


def find_spools(folder: Path) -> list[Path]:
    """Every spool of this machine, those that are still written to included."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


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
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file
        path.unlink(missing_ok=True)


def read_spool(file: IO[bytes], chunk: int) -> Iterator[list[CandleUpdate]]:
    """Its candles in pieces of at most `chunk`; a last line that was cut is left out."""
    while lines := list(islice(file, chunk)):
        updates = []
        for line in lines:
            try:
                updates.append(_DECODER.decode(line))
            except msgspec.DecodeError as error:
                # Its process was killed while it wrote: REST brings this one.
                _log.warning("%s: a line cannot be read: %s", file.name, error)
        yield updates
