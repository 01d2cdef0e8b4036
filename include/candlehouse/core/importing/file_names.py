"""Which series a file of candles is of, as its whole name or its folders say.

A name is never searched for something that looks like a symbol: `BTC_FDUSD-1h.csv` is no
file of FDUSD, and `BTCUSDT_240329-1h.csv` none of 240329. What does not fit as a whole says
nothing, and somebody has to say it.
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
# A date, a part's number, or a word that tells of no series.
_WORD = r"(?:[0-9]+|data|klines|candles|spot|part|to)"
_REST = rf"(?:[-_.]{_WORD})*(?: ?\([0-9]+\))?"
# Such as 2024-01.json, in folders such as BTCUSDT/1h.
_PART = re.compile(rf"{_WORD}{_REST}")


@dataclass(frozen=True, slots=True)
class NameFacts:
    """How people name files of an exchange's candles.

    Attributes:
        prefix: that a name may have before the symbol.
        quote_assets: what pairs are quoted in, separated by blanks. A name that ends in none
            of these may be an asset, a date or any other word.
    """

    prefix: str
    quote_assets: str

    @property
    def symbol(self) -> str:
        """The regular expression of a symbol."""
        return rf"[^\W_]+(?:{'|'.join(self.quote_assets.split())})"


@cache
def _name_pattern(facts: NameFacts) -> re.Pattern[str]:
    """Of names such as BTCUSDT_1h.csv and BTCUSDT-1h-2024-01.zip, with or without the prefix."""
    prefix = re.escape(facts.prefix)
    return re.compile(rf"(?:{prefix})?(?P<symbol>{facts.symbol})[-_](?P<length>{_LENGTH}){_REST}")


def is_candle_file(path: PurePath) -> bool:
    """Whether a file's name ends like one that may hold candles."""
    return path.name.lower().endswith(SUFFIXES)


def series_of_file(path: PurePath, facts: NameFacts) -> Series:
    """The series that a file's whole name says, else folders such as `BTCUSDT/1h/`.

    Args:
        path: of the file; the names of its folders count.
        facts: how files of the exchange are named.

    Raises:
        UnclearName: when neither fits as a whole.
        UnreadableFile: when they do, and the timeframe is none that is kept.
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
        raise UnclearName(f"{path}: {symbol} is no symbol, which has no lower case")
    try:
        return Series(symbol, Timeframe(length))
    except ValueError:
        kept = ", ".join(timeframe.value for timeframe in Timeframe)
        raise UnreadableFile(f"{path}: {length} is no timeframe that is kept: {kept}") from None


def _without_suffix(name: str) -> str:
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
