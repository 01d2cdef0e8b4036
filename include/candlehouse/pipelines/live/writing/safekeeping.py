"""Keeps durable updates in memory or on disk while this process does not write to the database."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Generator
from pathlib import Path
from typing import Any

from candlehouse.pipelines.live.writing.batches import Batch, make_durable
from candlehouse.pipelines.live.writing.spool import (
    Spool,
    SpoolFormat,
    find_kind,
    find_spools,
    read_spool,
    taking_spool,
)

_log = logging.getLogger(__name__)

# Durable updates of a kind that a standby remembers. Of closed candles that is minutes, for a
# handover takes less than a second and REST knows the rest.
_REMEMBERED = 4096
# Updates that are read from a spool at once.
_CHUNK = 500


class Safekeeping:
    """Remembers durable updates in memory, or keeps them on disk.

    A standby remembers, because the writer has the same updates; a process that has lost the
    database keeps them on disk, because nobody else may have them.

    Args:
        folder: for spools.
        formats: of the kinds that are durable; what is not of one of these is not kept.
    """

    def __init__(self, folder: Path, formats: Collection[SpoolFormat[Any]]) -> None:
        self._folder = folder
        self._formats = {form.kind: form for form in formats}
        self._spools = {form.kind: Spool(folder, form) for form in formats}
        self._remembered: dict[str, deque[Any]] = {
            form.kind: deque(maxlen=_REMEMBERED) for form in formats
        }

    def remember(self, batch: Batch) -> None:
        """Remembers the durable updates of a batch, and forgets the oldest of each kind."""
        for kind, part in batch.parts.items():
            if part.durable:
                self._remembered[kind].extend(part.durable)

    def recall(self) -> dict[str, list[Any]]:
        """Returns and clears the remembered updates: by kind, oldest first."""
        recalled = {kind: list(some) for kind, some in self._remembered.items() if some}
        for some in self._remembered.values():
            some.clear()
        return recalled

    def keep(self, batch: Batch) -> int:
        """Puts on disk what is remembered and what is durable of a batch; waits for the disk.

        Returns:
            How many updates were kept: none of a kind whose file or disk is full.
        """
        kept = self.recall()
        for kind, part in batch.parts.items():
            if part.durable:
                kept[kind] = [*kept.get(kind, ()), *part.durable]
        return sum(self._spools[kind].append(updates) for kind, updates in kept.items())

    def close(self) -> None:
        """Closes the files, so that the session that writes to the database can replay them."""
        for spool in self._spools.values():
            spool.close()

    def find_spools(self) -> list[Path]:
        """Spools of any process of this machine that this process can replay."""
        return [path for path in find_spools(self._folder) if find_kind(path) in self._formats]

    def replay(self, path: Path) -> Generator[Batch, None, None]:
        """A spool's updates in batches; the file is deleted after the last of them.

        Nothing comes of a spool whose process still writes to it. The file stays when the
        caller does not ask for all of them.
        """
        form = self._formats[find_kind(path)]
        with taking_spool(path) as file:
            if file is None:
                return
            replayed = 0
            for updates in read_spool(file, form, _CHUNK):
                yield make_durable({form.kind: updates})
                replayed += len(updates)
            _log.info("%d updates of %s were replayed from %s", replayed, form.kind, path)
