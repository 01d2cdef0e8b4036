"""Derives the series of a candle file from its whole name, or from its folders.

A name is never searched for a part that looks like a symbol: `BTC_FDUSD-1h.csv` is not a file
of FDUSD, and `BTCUSDT_240329-1h.csv` not one of 240329. A name that does not match as a whole
is rejected, and the user has to name the series.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath

from candlehouse.core.errors import UnclearName, UnreadableFile
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe

# Longer ones first, so that `.csv.gz` is cut off as a whole.
SUFFIXES = (".csv.gz", ".json.gz", ".csv", ".json", ".zip", ".parquet")

_LENGTH = "[0-9]+[A-Za-z]+"
# A date, the number of a part, or a word that does not name a series.
_WORD = r"(?:[0-9]+|data|klines|candles|spot|part|to)"
_REST = rf"(?:[-_.]{_WORD})*(?: ?\([0-9]+\))?"
# Such as 2024-01.json, in folders such as BTCUSDT/1h.
_PART = re.compile(rf"{_WORD}{_REST}")


@dataclass(frozen=True, slots=True)
class NameFacts:
    """How people name candle files of an exchange.

    Attributes:
        prefix: an optional prefix of a name, in front of the symbol.
        quote_assets: quote assets of the exchange's pairs, separated by blanks. A name that ends
            in none of them is not a symbol: it may be an asset, a date or any other word.
    """

    prefix: str
    quote_assets: str

    @property
    def symbol(self) -> str:
        """A regular expression that matches a symbol."""
        return rf"[^\W_]+(?:{'|'.join(self.quote_assets.split())})"


@cache
def _name_pattern(facts: NameFacts) -> re.Pattern[str]:
    """Matches names such as BTCUSDT_1h.csv and BTCUSDT-1h-2024-01.zip, with or without prefix."""
    prefix = re.escape(facts.prefix)
    return re.compile(rf"(?:{prefix})?(?P<symbol>{facts.symbol})[-_](?P<length>{_LENGTH}){_REST}")


def is_candle_file(path: PurePath) -> bool:
    """Whether the file name has one of the `SUFFIXES` of files that may hold candles."""
    return path.name.lower().endswith(SUFFIXES)


def series_of_file(path: PurePath, facts: NameFacts) -> Series:
    """The series that a file's whole name says, else folders such as `BTCUSDT/1h/`.

    Args:
        path: of the file; the names of its two innermost folders count.
        facts: how files of the exchange are named.

    Raises:
        UnclearName: when neither the name nor the folders match as a whole.
        UnreadableFile: when they match and the timeframe is not supported.
    """
    stem = _without_suffix(path.name)
    if named := _name_pattern(facts).fullmatch(stem):
        symbol, length = named["symbol"], named["length"]
    else:
        symbol, length = path.parent.parent.name, path.parent.name
        in_folders = re.fullmatch(facts.symbol, symbol) and re.fullmatch(_LENGTH, length)
        if not (in_folders and _PART.fullmatch(stem)):
            raise UnclearName(
                f"{path}: neither its whole name (such as BTCUSDT_1h or BTCUSDT-1h-2024-01) nor its"
                " folders (such as BTCUSDT/1h) say its symbol and timeframe"
            )
    if symbol != symbol.upper():
        raise UnclearName(f"{path}: {symbol} is not a symbol: symbols are upper case")
    try:
        return Series(symbol, Timeframe(length))
    except ValueError:
        kept = ", ".join(timeframe.value for timeframe in Timeframe)
        raise UnreadableFile(f"{path}: {length} is not a supported timeframe: {kept}") from None


def _without_suffix(name: str) -> str:
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
