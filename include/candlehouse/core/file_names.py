"""Which series a file of candles is of, as its name or its folders say."""

from __future__ import annotations

import re
from pathlib import PurePath

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe

SUFFIXES = frozenset({".csv", ".json", ".zip"})

_TIMEFRAMES = "|".join(timeframe.value for timeframe in Timeframe)
# Such as BTCUSDT_1h.csv, BTCUSDT-1h-2024-01.zip and mine_BTCUSDT-5m-data.csv. What follows
# is no letter and no digit: `1mo` is not `1m`.
_IN_NAME = re.compile(rf"(?<![A-Z0-9])([A-Z0-9]{{5,20}})[-_]({_TIMEFRAMES})(?![A-Za-z0-9])")
_SYMBOL = re.compile("[A-Z0-9]{5,20}")


def series_of_file(path: PurePath) -> Series | None:
    """The series in a file's name, else in folders such as `BTCUSDT/1h/`; None without."""
    if found := _IN_NAME.search(path.name):
        return Series(found[1], Timeframe(found[2]))
    symbol, timeframe = (path.parent.parent.name, path.parent.name)
    if _SYMBOL.fullmatch(symbol) and timeframe in {one.value for one in Timeframe}:
        return Series(symbol, Timeframe(timeframe))
    return None
