"""Finished candles as text: what tests compare with."""

from dataclasses import dataclass

from exchange_sim.decimals import fixed8
from exchange_sim.market.fold import Total
from exchange_sim.market.spec import SymbolSpec


@dataclass(frozen=True, slots=True)
class Candle:
    """A finished candle, its decimals as exact text with eight places."""

    open_ms: int
    close_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trades: int
    taker_volume: str
    taker_quote_volume: str

    def row(self) -> list[int | str]:
        """Return the twelve columns in the order of ``/api/v3/klines``."""
        return [
            self.open_ms, self.open, self.high, self.low, self.close, self.volume, self.close_ms,
            self.quote_volume, self.trades, self.taker_volume, self.taker_quote_volume, "0",
        ]  # fmt: skip


def candle_of(spec: SymbolSpec, open_ms: int, end_ms: int, sums: Total) -> Candle:
    """Return the sum of ``[open_ms, end_ms)`` as a candle."""
    tick, lot = spec.price_decimals, spec.lot_decimals
    return Candle(
        open_ms,
        end_ms - 1,
        fixed8(sums.open, tick),
        fixed8(sums.high, tick),
        fixed8(sums.low, tick),
        fixed8(sums.close, tick),
        fixed8(sums.lots, lot),
        fixed8(sums.quote, tick + lot),
        sums.trades,
        fixed8(sums.taker, lot),
        fixed8(sums.taker_quote, tick + lot),
    )
