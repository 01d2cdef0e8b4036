"""What the stand-in's market really did, and how far what somebody got is from it.

Rows are compared as exact text where they were kept exactly, otherwise as the nearest
floats; freqtrade and ccxt keep six of the eleven columns.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine

from benchmarks.warehouses.orders import SEED, TIMEFRAME, Order
from exchange_sim.market.synthetic import SyntheticMarket

_T = TypeVar("_T")
# Open time, four prices and volume; then close time, quote volume, trades and two of takers.
COLUMNS, PRICED = 11, 6
_STORED = """
COPY (
    SELECT (extract(epoch FROM open_time) * 1000)::bigint,
        round(open, 8), round(high, 8), round(low, 8), round(close, 8), round(volume, 8),
        floor(extract(epoch FROM close_time) * 1000)::bigint,
        round(quote_volume, 8), trades, round(taker_buy_volume, 8),
        round(taker_buy_quote_volume, 8)
    FROM market.candles_{timeframe} WHERE symbol = '{symbol}'
) TO STDOUT (FORMAT csv)
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """How what was got differs from the truth, in candles.

    Attributes:
        got: rows, whatever they say.
        missing: open times that are in the truth alone.
        differing: those of both, with other values.
        extra: rows that are not in the truth, or there a second time.
    """

    got: int = 0
    missing: int = 0
    differing: int = 0
    extra: int = 0

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            self.got + other.got,
            self.missing + other.missing,
            self.differing + other.differing,
            self.extra + other.extra,
        )

    @property
    def figures(self) -> dict[str, float | None]:
        """As results have it."""
        return {
            "candles": self.got,
            "missing": self.missing,
            "differing": self.differing,
            "too many": self.extra,
        }


def compare(truth: Mapping[int, _T], found: Iterable[tuple[int, _T]]) -> Difference:
    """Compares rows by their open time, in epoch milliseconds."""
    seen: set[int] = set()
    got = differing = extra = 0
    for at, row in found:
        got += 1
        if at in seen or at not in truth:
            extra += 1
            continue
        seen.add(at)
        differing += truth[at] != row
    return Difference(got, len(truth) - len(seen), differing, extra)


def split_line(line: str) -> tuple[int, str]:
    """Open time and the rest of a line."""
    at, _, rest = line.partition(",")
    return int(at), rest


def as_text(row: Sequence[object]) -> tuple[int, str]:
    """Open time and the exact rest of a row as Binance's REST interface sends it."""
    return split_line(",".join(map(str, row[:COLUMNS])))


def as_floats(row: Sequence[object]) -> tuple[int, tuple[float, ...]]:
    """Open time, prices and volume of a row, each the float that is nearest."""
    return int(str(row[0])), tuple(float(str(value)) for value in row[1:PRICED])


class Truth:
    """The market's own candles of an order, made once: a year of a symbol takes two seconds."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._market = SyntheticMarket(SEED)
        self._made: dict[str, str] = {}

    def _text(self, symbol: str) -> str:
        if symbol not in self._made:
            order = self._order
            candles = self._market.candles(symbol, TIMEFRAME, order.start_ms, order.end_ms)
            rows = (candle.row()[:COLUMNS] for candle in candles)
            self._made[symbol] = "\n".join(",".join(map(str, row)) for row in rows)
        return self._made[symbol]

    def check_warehouse(self, engine: Engine, symbols: Iterable[str]) -> Difference:
        """Compares what a warehouse holds of some symbols, exactly."""
        total = Difference()
        for symbol in symbols:
            query = _STORED.format(timeframe=TIMEFRAME, symbol=symbol)
            truth = dict(map(split_line, self._text(symbol).splitlines()))
            total += compare(truth, map(split_line, copy_out(engine, query).splitlines()))
        return total

    def check_rows(self, symbol: str, rows: Iterable[Sequence[object]], exact: bool) -> Difference:
        """Compares rows that begin with the open time in epoch milliseconds."""
        lines = self._text(symbol).splitlines()
        if exact:
            return compare(dict(map(split_line, lines)), map(as_text, rows))
        truth = dict(as_floats(line.split(",")) for line in lines)
        return compare(truth, map(as_floats, rows))


def copy_out(engine: Engine, query: str) -> str:
    """What a COPY to standard output writes."""
    text = io.StringIO()
    connection = engine.raw_connection()
    try:
        connection.cursor().copy_expert(query, text)  # type: ignore[attr-defined]
    finally:
        connection.close()
    return text.getvalue()
