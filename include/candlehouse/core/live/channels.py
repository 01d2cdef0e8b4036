"""Channels: what may be streamed, one kind of data of one symbol at a time.

A kind is a word (`candles`, `prices`), the same on the command line, in a channel and in
every table of kinds. Who adds a kind adds a word; nothing here enumerates them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe


class Channel(NamedTuple):
    """One kind of data of one symbol; hashed for every message.

    Attributes:
        kind: the word for what flows here.
        symbol: as the exchange writes it, in capitals.
        timeframe: of candles; None for every kind that has none.
    """

    kind: str
    symbol: str
    timeframe: Timeframe | None = None

    @property
    def series(self) -> Series | None:
        """The series that it belongs to, None without a timeframe."""
        return None if self.timeframe is None else Series(self.symbol, self.timeframe)

    def __str__(self) -> str:
        name = self.symbol if self.timeframe is None else f"{self.symbol} {self.timeframe}"
        return f"{self.kind} of {name}"


def select_kind(channels: Iterable[Channel], kind: str) -> list[Channel]:
    """The channels of one kind, in their order."""
    return [channel for channel in channels if channel.kind == kind]


def select_series(channels: Collection[Channel]) -> list[Series]:
    """The series of those channels that have one, in their order."""
    return [series for channel in channels if (series := channel.series) is not None]
