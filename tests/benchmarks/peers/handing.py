"""How a peer hands over what it kept in memory; standard library only."""

from __future__ import annotations

import json
import marshal
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measuring.meter import cpu_s, say

Rows = Sequence[Sequence[object]]


def hand_over(rows: Mapping[str, Rows]) -> None:
    """Says that all is there, and writes it when told to: that is not part of the race.

    Args:
        rows: of each symbol, the open time in epoch milliseconds first.
    """
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say("got", cpu_s=cpu_s(), peak_mb=peak_mb)
    command = json.loads(sys.stdin.readline())
    write_rows(Path(command["folder"]), rows)
    say("written")


def write_rows(folder: Path, rows: Mapping[str, Rows]) -> None:
    """A file a symbol, in a form that costs no memory beside the rows."""
    for symbol, ones in rows.items():
        with (folder / symbol).open("wb") as file:
            marshal.dump(list(ones), file, 2)


def read_rows(folder: Path, symbol: str) -> Rows:
    """What was written; nothing if there is no such file."""
    path = folder / symbol
    if not path.exists():
        return []
    with path.open("rb") as file:
        rows: Rows = marshal.load(file)
    return rows
