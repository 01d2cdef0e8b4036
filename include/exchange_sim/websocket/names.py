"""What a stream's name means."""

import re
from dataclasses import dataclass

from exchange_sim.klines.intervals import INTERVALS

KLINE, MINI_TICKER, ALL_MINI_TICKERS = "kline", "miniTicker", "!miniTicker@arr"

_SYMBOL = re.compile(r"[a-z0-9]+", re.ASCII)
_KLINE_PREFIX = "kline_"


@dataclass(frozen=True, slots=True)
class StreamName:
    """A stream as clients write it, and what it carries.

    Attributes:
        text: the name to the letter.
        kind: a constant of this module, None for a name that never sends anything.
        symbol: in capitals; empty for a stream of the whole market.
        interval: of candles, else empty.
    """

    text: str
    kind: str | None = None
    symbol: str = ""
    interval: str = ""


def parse_name(text: str) -> StreamName:
    """Return what a name means.

    The exchange acknowledges any name: one that it does not know, or a symbol in capitals,
    stays silent for ever. Whether the symbol exists is not looked at.
    """
    if text == ALL_MINI_TICKERS:
        return StreamName(text, ALL_MINI_TICKERS)
    lowered, at, what = text.partition("@")
    if not at or not _SYMBOL.fullmatch(lowered):
        return StreamName(text)
    symbol = lowered.upper()
    if what == MINI_TICKER:
        return StreamName(text, MINI_TICKER, symbol)
    interval = what.removeprefix(_KLINE_PREFIX)
    if interval != what and interval in INTERVALS:
        return StreamName(text, KLINE, symbol, interval)
    return StreamName(text)


def split_names(text: str) -> list[str]:
    """Return the names between slashes, each once, in the order of their first mention."""
    return list(dict.fromkeys(name for name in text.split("/") if name))
