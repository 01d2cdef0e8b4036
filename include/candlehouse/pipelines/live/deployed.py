"""Which version of the code lies on disk, so that a long task notices a newer one."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[2]
_SUFFIXES = (".py", ".sql")


def find_version(folder: Path = _PACKAGE) -> tuple[int, int]:
    """When the newest of the package's files was changed (ns), and how many there are."""
    times = [
        path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.suffix in _SUFFIXES and path.is_file()
    ]
    return max(times, default=0), len(times)
