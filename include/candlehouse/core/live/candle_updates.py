"""The kind `candles`: the state of a candle, forming or closed."""

from __future__ import annotations

from typing import NamedTuple

from candlehouse.core.live.channels import Channel
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe

CANDLES = "candles"


class CandleUpdate(NamedTuple):
    """The state of a candle.

    Attributes:
        channel: of the kind `candles`, with a timeframe.
        open_ms: open time in milliseconds since the epoch, on the slot grid.
        event_ms: the exchange's clock when it was sent, in milliseconds since the epoch.
        closed: whether the candle is final.
        line: the candle as a line of `CandleRows`, without the line break.
    """

    channel: Channel
    open_ms: int
    event_ms: int
    closed: bool
    line: str

    @property
    def series(self) -> Series:
        """The series of the candle."""
        return Series(self.channel.symbol, self.timeframe)

    @property
    def timeframe(self) -> Timeframe:
        """The timeframe of the candle."""
        timeframe = self.channel.timeframe
        assert timeframe is not None, self.channel
        return timeframe


def candle_channel(series: Series) -> Channel:
    """The channel that brings the candles of a series."""
    return Channel(CANDLES, series.symbol, series.timeframe)
