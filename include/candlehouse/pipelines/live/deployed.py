"""Identifies the version of the code on disk, so that a long task notices a newer one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PACKAGE = Path(__file__).parents[2]
_SUFFIXES = (".py", ".sql")


def find_version(folder: Path = _PACKAGE) -> tuple[int, int]:
    """Modification time (ns) of the package's newest file, and the number of its files."""
    times = []
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.endswith(_SUFFIXES):
                # Files appear and disappear while a new version is being installed.
                with suppress(FileNotFoundError):
                    times.append(os.stat(os.path.join(parent, name)).st_mtime_ns)
    return max(times, default=0), len(times)
