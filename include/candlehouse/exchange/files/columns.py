"""Which column of a file is what: by the names in its header, or by how many there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from candlehouse.core.model import Series
from candlehouse.core.page_lines import CSV_ITEMS

# Columns of a kline in their order, and what they are called in files. Of several times the
# one that is named first counts, and the others are not needed.
_NAMES = (
    (
        "open_time", "open_timestamp", "opentime", "kline_open_time", "start_time", "unix",
        "unix_time", "unix_timestamp", "timestamp", "datetime", "date", "time",
    ),
    ("open", "open_price"),
    ("high", "high_price"),
    ("low", "low_price"),
    ("close", "close_price"),
    ("volume", "vol", "base_volume", "volume_base", "base_asset_volume"),
    ("close_time", "close_timestamp", "closetime", "kline_close_time", "end_time"),
    ("quote_volume", "quote_av", "quote_asset_volume", "volume_quote", "quotevolume", "qav"),
    ("trades", "count", "number_of_trades", "num_trades", "tradecount", "trade_count", "n_trades"),
    (
        "taker_buy_volume", "tb_base_av", "taker_buy_base_asset_volume", "taker_buy_base_volume",
        "taker_buy_base", "taker_base_volume",
    ),
    (
        "taker_buy_quote_volume", "tb_quote_av", "taker_buy_quote_asset_volume",
        "taker_buy_quote", "taker_quote_volume",
    ),
)  # fmt: skip
COLUMNS = tuple(names[0] for names in _NAMES)
NEEDED = 6
_TIME, _VOLUME, _QUOTE_VOLUME = 0, 5, 7
_SYMBOLS = ("symbol", "ticker", "pair")
# What programs put before or behind a candle: the number of a row, the exchange's twelfth item.
_WITHOUT_MEANING = frozenset({"", "index", "unnamed:_0", "ignore", "ignored", "unused"})
_VOLUME_OF = re.compile(r"volume_\(?([^\W_]+)\)?")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a row has what.

    Attributes:
        width: items of each row.
        places: of each of `COLUMNS`, None of one that is not there; never of the first six.
        symbol: of the column with the symbol, None without one.
        left_out: names of columns of which nothing is known, or that are not needed.
        says_open: whether the name of its time says that a candle opens then.
    """

    width: int
    places: tuple[int | None, ...]
    symbol: int | None = None
    left_out: tuple[str, ...] = ()
    says_open: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether all columns of a kline are there."""
        return None not in self.places


def is_header(row: Sequence[str]) -> bool:
    """Whether a row names at least the prices of a candle."""
    names = {_normalise(name) for name in row}
    return all(any(name in names for name in _NAMES[at]) for at in range(1, 5))


def plain_layout(width: int) -> Layout:
    """The layout of rows without a header.

    Raises:
        ValueError: for a number of columns that says nothing.
    """
    if width not in (NEEDED, CSV_ITEMS):
        raise ValueError(f"has {width} columns and no header: {NEEDED} or {CSV_ITEMS} can be")
    return Layout(width, tuple(at if at < width else None for at in range(len(COLUMNS))))


def read_layout(header: Sequence[str], series: Series) -> Layout:
    """The layout that a header says.

    Args:
        header: names, in any case, with blanks or lines between words.
        series: whose assets name columns such as `Volume BTC` and `Volume USDT`.

    Raises:
        ValueError: when a needed column is not there, or one is there twice.
    """
    names = [_name_volume(_normalise(name), series.symbol) for name in header]
    found = [[at for at, name in enumerate(names) if name in known] for known in _NAMES]
    times = sorted(found[_TIME], key=lambda at: _NAMES[_TIME].index(names[at]))
    if not times:
        # An index without a name may be the times: its cells say whether it is.
        times = [at for at, name in enumerate(names) if name in ("", "unnamed:_0")][:1]
    found[_TIME] = times[:1]
    for column, at in zip(COLUMNS, found, strict=True):
        if len(at) > 1:
            raise ValueError(f"its header has {len(at)} columns for {column}")
    if missing := [c for c, at in zip(COLUMNS[:NEEDED], found, strict=False) if not at]:
        raise ValueError(f"its header has no {', '.join(missing)}")
    places = tuple(at[0] if at else None for at in found)
    symbol = next((names.index(name) for name in _SYMBOLS if name in names), None)
    kept = {*places, symbol}
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
    """`volume_btc` and `volume_usdt` are of the one or the other asset of BTCUSDT."""
    found = _VOLUME_OF.fullmatch(name)
    asset = found[1].upper() if found else ""
    if not asset or len(asset) >= len(symbol) or name in (*_NAMES[_VOLUME], *_NAMES[_QUOTE_VOLUME]):
        return name
    starts, ends = symbol.startswith(asset), symbol.endswith(asset)
    if starts == ends:
        return name
    return _NAMES[_VOLUME if starts else _QUOTE_VOLUME][0]
