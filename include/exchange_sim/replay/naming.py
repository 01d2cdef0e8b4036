"""Which series a file belongs to, from its name or its folders."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from exchange_sim.intervals import INTERVALS

_SUFFIXES = frozenset({".json", ".csv", ".zip"})
# The archives say 1mo where the interface says 1M, lest file systems confuse it with 1m.
_ARCHIVE_NAMES = {"1mo": "1M"}
_KNOWN = {**{name: name for name in INTERVALS}, **_ARCHIVE_NAMES}
_IN_NAME = re.compile(
    r"(?<![A-Z0-9])([A-Z0-9]{5,20})[-_](1mo|" + "|".join(INTERVALS) + r")(?![A-Za-z0-9])"
)
_SYMBOL = re.compile(r"[A-Z0-9]{5,20}")
_QUOTES = ("USDT", "FDUSD", "USDC", "BUSD", "TUSD", "USDP", "BTC", "ETH", "BNB", "EUR", "TRY",
           "GBP", "BRL", "JPY", "AUD", "DAI", "USD")  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class SeriesName:
    """A symbol and one of Binance's interval names."""

    symbol: str
    interval: str


def series_of(path: PurePath) -> SeriesName | None:
    """Return the series of a file, None for one that holds no candles.

    Understands ``BTCUSDT-1h-2021.csv``, ``BTCUSDT_1h.csv``, ``RD_BTCUSDT-1h-data.x.csv`` and
    files in folders ``BTCUSDT/1h/``.
    """
    if path.suffix.lower() not in _SUFFIXES:
        return None
    in_name = _IN_NAME.search(path.name)
    if in_name is not None:
        return SeriesName(in_name[1], _KNOWN[in_name[2]])
    folders = path.parts[-3:-1]
    if len(folders) == 2 and _SYMBOL.fullmatch(folders[0]) and folders[1] in _KNOWN:
        return SeriesName(folders[0], _KNOWN[folders[1]])
    return None


def split_symbol(symbol: str) -> tuple[str, str]:
    """Return base and quote asset; an unknown quote leaves the quote empty."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote), quote
    return symbol, ""
