"""Which version of the code lies on disk, so that a long task notices a newer one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PACKAGE = Path(__file__).parents[2]
_SUFFIXES = (".py", ".sql")


def find_version(folder: Path = _PACKAGE) -> tuple[int, int]:
    """When the newest of the package's files was changed (ns), and how many there are."""
    times = []
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.endswith(_SUFFIXES):
                # Files come and go while a version is being put in place of another.
                with suppress(FileNotFoundError):
                    times.append(os.stat(os.path.join(parent, name)).st_mtime_ns)
    return max(times, default=0), len(times)
