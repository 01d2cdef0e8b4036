"""Which series a file belongs to, from its name or its folders."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from exchange_sim.klines.intervals import INTERVALS

_SUFFIXES = frozenset({".json", ".csv", ".zip"})
# The archives say 1mo where the interface says 1M, lest file systems confuse it with 1m.
_ARCHIVE_NAMES = {"1mo": "1M"}
_KNOWN = {**{name: name for name in INTERVALS}, **_ARCHIVE_NAMES}
_QUOTES = ("USDT", "FDUSD", "USDC", "BUSD", "TUSD", "USDP", "BTC", "ETH", "BNB", "EUR", "TRY",
           "GBP", "BRL", "JPY", "AUD", "DAI")  # fmt: skip
# A whole name, or nothing: BTC_FDUSD-1h.json holds no candles of FDUSD.
_WHOLE_NAME = re.compile(
    r"([^\W_]+)[-_](1mo|" + "|".join(INTERVALS) + r")(?:[-_.](?:\d+|data|klines|candles))*"
)
_FOLDER_PART = re.compile(r"(?:\d+|data|klines|candles)(?:[-_.](?:\d+|data|klines|candles))*")
# What looks as if candles were in it.
_PIECE = re.compile(r"[-_](?:1mo|" + "|".join(INTERVALS) + r")(?![^\W_])")


class UnclearName(ValueError):
    """A name that holds an interval, and of which no whole symbol and interval can be made."""


@dataclass(frozen=True, slots=True, order=True)
class SeriesName:
    """A symbol and one of Binance's interval names."""

    symbol: str
    interval: str


def series_of(path: PurePath) -> SeriesName | None:
    """Return the series of a file, None for one that holds no candles.

    Understands ``BTCUSDT-1h-2021.csv`` and ``BTCUSDT_1h.csv``, and files named by dates or
    numbers in folders ``BTCUSDT/1h/``.

    Raises:
        UnclearName: only a piece of the name could be a symbol.
    """
    if path.suffix.lower() not in _SUFFIXES:
        return None
    stem = path.name[: -len(path.suffix)]
    named = _WHOLE_NAME.fullmatch(stem)
    if named is not None and _is_pair(named[1]):
        return SeriesName(named[1], _KNOWN[named[2]])
    folders = path.parts[-3:-1]
    in_folders = len(folders) == 2 and folders[1] in _KNOWN
    if in_folders and _is_pair(folders[0]) and _FOLDER_PART.fullmatch(stem):
        return SeriesName(folders[0], _KNOWN[folders[1]])
    if in_folders or _PIECE.search(stem):
        raise UnclearName(f"{path}: is it SYMBOL-INTERVAL, or a date in SYMBOL/INTERVAL?")
    return None


def _is_pair(symbol: str) -> bool:
    return symbol == symbol.upper() and bool(split_symbol(symbol)[1])


def split_symbol(symbol: str) -> tuple[str, str]:
    """Return base and quote asset; an unknown quote leaves the quote empty."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote), quote
    return symbol, ""
