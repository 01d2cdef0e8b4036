"""Finished candles as text: what tests compare with."""

from dataclasses import dataclass


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
