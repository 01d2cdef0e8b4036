"""Reads what freqtrade wrote, with the libraries of its own environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from benchmarks.peers.handing import write_rows


def read(path: Path, start_ms: int, end_ms: int) -> list[list[object]]:
    """Rows of a file: open time in epoch milliseconds, four prices, volume.

    Its last page goes on after the end that it was given: that is left out here.
    """
    frame = pd.read_feather(path)
    at = frame["date"].astype("datetime64[ms, UTC]").astype("int64")
    columns = [frame[name].tolist() for name in ("open", "high", "low", "close", "volume")]
    rows = zip(at.tolist(), *columns, strict=True)
    return [list(row) for row in rows if start_ms <= row[0] < end_ms]


def main(data: str, out: str, symbols: str, start_ms: str, end_ms: str) -> None:
    for symbol in symbols.split(","):
        path = Path(data, f"{symbol.removesuffix('USDT')}_USDT-5m.feather")
        if path.exists():
            write_rows(Path(out), {symbol: read(path, int(start_ms), int(end_ms))})


if __name__ == "__main__":
    main(*sys.argv[1:])
