"""Updates of a made-up candle, as a stream client hands them on."""

from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.live.price_updates import PriceUpdate, price_channel
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe

MINUTE_MS = 60_000
START_MS = 1_767_225_600_000
BTC = Series("BTCUSDT", Timeframe.M1)
ETH = Series("ETHUSDT", Timeframe.M1)


def make_update(
    series: Series = BTC,
    slot: int = 0,
    *,
    event_ms: int | None = None,
    closed: bool = False,
    close: str = "42000.10000000",
    trades: int = 3,
) -> CandleUpdate:
    """An update of the candle `slot` slots after the start.

    Args:
        series: of the candle.
        slot: counted from `START_MS`.
        event_ms: when it was sent; just after its end if closed, a second after its
            beginning if not.
        closed: whether it is final.
        close: its close and high.
        trades: its count of trades.
    """
    length_ms = series.timeframe.length_ms
    open_ms = START_MS + slot * length_ms
    if event_ms is None:
        event_ms = open_ms + (length_ms + 2 if closed else 1000)
    numbers = ("42000.00000000", close, "41999.50000000", close, "1.50000000")
    line = "\t".join(
        (
            series.symbol,
            str(open_ms),
            *numbers,
            str(open_ms + length_ms - 1),
            "63000.00000000",
            str(trades),
            "0.50000000",
            "21000.00000000",
        )
    )
    return CandleUpdate(candle_channel(series), open_ms, event_ms, closed, line)


def make_price(symbol: str = "BTCUSDT", event_ms: int = START_MS) -> PriceUpdate:
    """A price of a symbol."""
    return PriceUpdate(price_channel(symbol), event_ms, "42000.10000000", "1000.0", "42000100.0")
