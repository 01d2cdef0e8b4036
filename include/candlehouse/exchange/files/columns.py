"""Identifies the columns of a file by its header, or by their number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from candlehouse.core.candles.candle_rows import VALUE_COLUMNS
from candlehouse.core.candles.published_rows import PUBLISHED_COLUMNS
from candlehouse.core.model import Series

# Names of a candle's columns in files. Of several time columns the first in this list is
# used, and the others are ignored.
_NAMES = {
    "open_time": (
        "open_time", "open_timestamp", "opentime", "kline_open_time", "start_time", "unix",
        "unix_time", "unix_timestamp", "timestamp", "datetime", "date", "time",
    ),
    "open": ("open", "open_price"),
    "high": ("high", "high_price"),
    "low": ("low", "low_price"),
    "close": ("close", "close_price"),
    "volume": ("volume", "vol", "base_volume", "volume_base", "base_asset_volume"),
    "close_time": ("close_time", "close_timestamp", "closetime", "kline_close_time", "end_time"),
    "quote_volume": (
        "quote_volume", "quote_av", "quote_asset_volume", "volume_quote", "quotevolume", "qav",
    ),
    "trades": (
        "trades", "count", "number_of_trades", "num_trades", "tradecount", "trade_count",
        "n_trades",
    ),
    "taker_buy_volume": (
        "taker_buy_volume", "tb_base_av", "taker_buy_base_asset_volume", "taker_buy_base_volume",
        "taker_buy_base", "taker_base_volume",
    ),
    "taker_buy_quote_volume": (
        "taker_buy_quote_volume", "tb_quote_av", "taker_buy_quote_asset_volume",
        "taker_buy_quote", "taker_quote_volume",
    ),
}  # fmt: skip
_PRICES = ("open", "high", "low", "close")
# The required columns, which are also the first columns of a published file.
_NEEDED_COLUMNS = ("open_time", *_PRICES, "volume")
NEEDED = len(_NEEDED_COLUMNS)
_SYMBOLS = ("symbol", "ticker", "pair")
# Meaningless columns: row numbers of programs, and the exchange's unused twelfth item.
_WITHOUT_MEANING = frozenset({"", "index", "unnamed:_0", "ignore", "ignored", "unused"})
_VOLUME_OF = re.compile(r"volume_\(?([^\W_]+)\)?")


@dataclass(frozen=True, slots=True)
class Layout:
    """The positions of a file's columns.

    Attributes:
        width: number of cells per row.
        places: position of each of `VALUE_COLUMNS`, in their order; None for a missing column,
            which cannot be time, a price or volume.
        symbol: position of the column with the symbol, None without one.
        left_out: names of columns that are unknown or not needed.
        says_open: whether the name of the time column says that it is the open time.
    """

    width: int
    places: Mapping[str, int | None]
    symbol: int | None = None
    left_out: tuple[str, ...] = ()
    says_open: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether all columns of a kline are present."""
        return None not in self.places.values()

    @property
    def is_published(self) -> bool:
        """Whether the columns are those of the exchange's published files, in the same order."""
        return self.width == len(PUBLISHED_COLUMNS) and all(
            place == at for at, place in enumerate(self.places.values())
        )


def is_header(row: Sequence[str]) -> bool:
    """Whether a row contains names of at least the four prices of a candle."""
    names = {_normalise(name) for name in row}
    return all(any(name in names for name in _NAMES[price]) for price in _PRICES)


def plain_layout(width: int) -> Layout:
    """The layout of rows without a header, by their number of columns.

    Raises:
        ValueError: for an unknown number of columns.
    """
    whole = len(PUBLISHED_COLUMNS)
    if width not in (NEEDED, whole):
        raise ValueError(f"has {width} columns and no header: {NEEDED} or {whole} can be")
    places = {column: at if at < width else None for at, column in enumerate(VALUE_COLUMNS)}
    return Layout(width, places)


def read_layout(header: Sequence[str], series: Series) -> Layout:
    """The layout that a header describes.

    Args:
        header: names, in any case, words separated by blanks, dashes or underscores.
        series: whose assets occur in columns such as `Volume BTC` and `Volume USDT`.

    Raises:
        ValueError: when a required column is missing, or a column occurs twice.
    """
    names = [_name_volume(_normalise(name), series.symbol) for name in header]
    found = {
        column: [at for at, name in enumerate(names) if name in _NAMES[column]]
        for column in VALUE_COLUMNS
    }
    times = sorted(found["open_time"], key=lambda at: _NAMES["open_time"].index(names[at]))
    if not times:
        # An index without a name may hold the times, which its cells will show.
        times = [at for at, name in enumerate(names) if name in ("", "unnamed:_0")][:1]
    found["open_time"] = times[:1]
    for column, at in found.items():
        if len(at) > 1:
            raise ValueError(f"its header has {len(at)} columns for {column}")
    if missing := [column for column in _NEEDED_COLUMNS if not found[column]]:
        raise ValueError(f"its header has no {', '.join(missing)}")
    places = {column: at[0] if at else None for column, at in found.items()}
    symbol = next((names.index(name) for name in _SYMBOLS if name in names), None)
    kept = {*places.values(), symbol}
    left_out = [
        header[at].strip()
        for at, name in enumerate(names)
        if at not in kept and name not in _WITHOUT_MEANING
    ]
    says_open = names[times[0]].removeprefix("kline_").startswith(("open", "start"))
    return Layout(len(header), places, symbol, tuple(left_out), says_open)


def _normalise(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def _name_volume(name: str, symbol: str) -> str:
    """Maps `volume_btc` and `volume_usdt` to the volume in base or quote asset of BTCUSDT."""
    found = _VOLUME_OF.fullmatch(name)
    asset = found[1].upper() if found else ""
    known = (*_NAMES["volume"], *_NAMES["quote_volume"])
    if not asset or len(asset) >= len(symbol) or name in known:
        return name
    starts, ends = symbol.startswith(asset), symbol.endswith(asset)
    if starts == ends:
        return name
    return "volume" if starts else "quote_volume"
