"""Updates of candles as a stream brings them."""

from __future__ import annotations

from datetime import datetime, timedelta

from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.model import Series
from candlehouse.core.timeframe import to_ms


def make_update(
    series: Series,
    opens: datetime,
    *,
    event: datetime | None = None,
    closed: bool = True,
    low: str = "0.50000000",
    close: str = "2.00000000",
    volume: str = "7.10000000",
) -> CandleUpdate:
    """One candle; sent when it closes if `event` is not given."""
    open_ms, length_ms = to_ms(opens), series.timeframe.length_ms
    event_ms = open_ms + length_ms if event is None else to_ms(event)
    cells = (
        series.symbol, open_ms, "1.00000000", "3.00000000", low, close, volume,
        open_ms + length_ms - 1, "14.20000001", 5, "3.50000000", "7.00000000",
    )  # fmt: skip
    return CandleUpdate(
        candle_channel(series), open_ms, event_ms, closed, "\t".join(map(str, cells))
    )


def seconds(count: float) -> timedelta:
    """A duration of `count` seconds."""
    return timedelta(seconds=count)
