"""Channels: what can be streamed, each one kind of data of one symbol.

A kind is a word (`candles`, `prices`), the same on the command line, in a channel and in every
table of kinds. A new kind is a new word; nothing in this module lists the kinds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe


class Channel(NamedTuple):
    """One kind of data of one symbol; hashed for every message.

    Attributes:
        kind: name of the kind.
        symbol: as the exchange writes it, in upper case.
        timeframe: of candles; None for every kind without a timeframe.
    """

    kind: str
    symbol: str
    timeframe: Timeframe | None = None

    @property
    def series(self) -> Series | None:
        """The channel's series, None for a channel without a timeframe."""
        return None if self.timeframe is None else Series(self.symbol, self.timeframe)

    def __str__(self) -> str:
        name = self.symbol if self.timeframe is None else f"{self.symbol} {self.timeframe}"
        return f"{self.kind} of {name}"


def select_kind(channels: Iterable[Channel], kind: str) -> list[Channel]:
    """The channels of one kind, in their order."""
    return [channel for channel in channels if channel.kind == kind]


def select_series(channels: Collection[Channel]) -> list[Series]:
    """The series of all channels with a timeframe, in their order."""
    return [series for channel in channels if (series := channel.series) is not None]
