"""Names of archive files, what they cover, and when they are published."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from exchange_sim.klines.intervals import (
    DAY_MS,
    FIXED_MS,
    HOUR_MS,
    MONTH,
    iso_ms,
    moment,
    month_start,
    next_month,
)

Tree = Literal["monthly", "daily"]

ROOT = "data/spot/"
# The maintainers: 4 to 6 hours after midnight for a day, the first Monday for a month.
_DAILY_DELAY_MS = 5 * HOUR_MS
_MONTHLY_HOUR_MS = 8 * HOUR_MS
# Binance's trees spell 1M so that it differs from 1m in any case.
_MONTH_FOLDER = "1mo"
_DAILY_ONLY_UP_TO = DAY_MS
_FILE = re.compile(
    r"data/spot/(monthly|daily)/klines/([A-Z0-9]{1,20})/(\w+)/\2-\3-(\d{4}-\d{2}(?:-\d{2})?)\.zip"
)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One zip of the tree.

    Attributes:
        interval: Binance's interval name, ``1M`` for the folder ``1mo``.
        start_ms, end_ms: half-open stretch of open times inside.
    """

    tree: Tree
    symbol: str
    interval: str
    start_ms: int
    end_ms: int

    @property
    def stem(self) -> str:
        """Name of the zip and of the CSV inside, without suffix."""
        day = moment(self.start_ms).date().isoformat()
        period = day if self.tree == "daily" else day[:7]
        return f"{self.symbol}-{interval_folder(self.interval)}-{period}"

    @property
    def key(self) -> str:
        """Path below the root of the server, without a leading slash."""
        folder = interval_folder(self.interval)
        return f"{ROOT}{self.tree}/klines/{self.symbol}/{folder}/{self.stem}.zip"

    @property
    def published_ms(self) -> int:
        """When the file appears: hours after its day, or on the Monday after its month."""
        if self.tree == "daily":
            return self.end_ms + _DAILY_DELAY_MS
        monday = self.end_ms + (-moment(self.end_ms).weekday() % 7) * DAY_MS
        return monday + _MONTHLY_HOUR_MS


def interval_folder(interval: str) -> str:
    """Return the name of an interval's folder."""
    return _MONTH_FOLDER if interval == MONTH else interval


def interval_of(folder: str) -> str:
    """Return the interval of a folder's name: the reverse of ``interval_folder``."""
    return MONTH if folder == _MONTH_FOLDER else folder


def about(path: str) -> tuple[str, str]:
    """Return symbol and interval that a path of the tree names, empty texts if it names none."""
    # /data/spot/TREE/klines/SYMBOL/INTERVAL/...
    parts = path.split("/")
    return (parts[5], interval_of(parts[6])) if len(parts) > 6 else ("", "")


def _allowed(tree: Tree, interval: str) -> bool:
    """Return whether a tree has a folder for an interval: no day holds a week."""
    if tree == "monthly":
        return interval in FIXED_MS or interval == MONTH
    return interval in FIXED_MS and FIXED_MS[interval] <= _DAILY_ONLY_UP_TO


@lru_cache(maxsize=4096)
def parse_key(key: str) -> ArchiveFile | None:
    """Return the file of a path (without leading slash), None if no file is ever there."""
    found = _FILE.fullmatch(key)
    if found is None:
        return None
    tree: Tree = "monthly" if found[1] == "monthly" else "daily"
    interval = interval_of(found[3])
    # The interface's own 1M names no folder here.
    if found[3] == MONTH or not _allowed(tree, interval):
        return None
    if (len(found[4]) == len("2025-01")) != (tree == "monthly"):
        return None
    try:
        start = iso_ms(found[4] if tree == "daily" else f"{found[4]}-01")
    except ValueError:
        return None
    end = start + DAY_MS if tree == "daily" else next_month(start)
    return ArchiveFile(tree, found[2], interval, start, end)


def files(
    tree: Tree, symbol: str, interval: str, start_ms: int, now_ms: int
) -> Iterator[ArchiveFile]:
    """Yield the files of a folder from the period that holds ``start_ms`` on, published by now."""
    if not _allowed(tree, interval):
        return
    at = start_ms // DAY_MS * DAY_MS if tree == "daily" else month_start(start_ms)
    while at < now_ms:
        end = at + DAY_MS if tree == "daily" else next_month(at)
        file = ArchiveFile(tree, symbol, interval, at, end)
        if file.published_ms <= now_ms:
            yield file
        at = end


def folders(tree: Tree) -> list[str]:
    """Return the interval folders of a tree."""
    return [interval_folder(name) for name in (*FIXED_MS, MONTH) if _allowed(tree, name)]
