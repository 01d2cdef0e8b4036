"""What a market of whole candles has to say of single trades and of what is unfinished."""

from exchange_sim.klines.candle import Candle
from exchange_sim.klines.instrument import Book, PrintedTrade

# Decimals of every price and size that a file of candles holds.
PLACES = 8


class Tradeless:
    """The answers of a market that knows finished candles only."""

    def forming(self, symbol: str, interval: str, now_ms: int) -> Candle | None:
        """Return None: files have whole candles only."""
        return None

    def is_live(self, symbol: str, now_ms: int) -> bool:
        """Return False: what goes on between two candles is unknown."""
        return False

    def trade_ids(self, symbol: str, candle: Candle) -> tuple[int, int]:
        """Return -1 for both: candles number no trades."""
        return -1, -1

    def book(self, symbol: str, now_ms: int, levels: int) -> Book:
        """Return an empty book: candles know none."""
        return Book(0, PLACES, PLACES, (), ())

    def first_trade_id(self, symbol: str, start_ms: int) -> int | None:
        """Return None: candles number no trades."""
        return None

    def last_trade_id(self, symbol: str, now_ms: int) -> int:
        """Return -1: candles number no trades."""
        return -1

    def trades_before(self, symbol: str, end_ms: int, limit: int) -> list[PrintedTrade]:
        """Return nothing: candles know no single trades."""
        return []

    def trades_between(
        self, symbol: str, start_ms: int, end_ms: int, limit: int
    ) -> list[PrintedTrade]:
        """Return nothing: candles know no single trades."""
        return []

    def trades_from_id(
        self, symbol: str, trade_id: int, end_ms: int, limit: int
    ) -> list[PrintedTrade]:
        """Return nothing: candles know no single trades."""
        return []
