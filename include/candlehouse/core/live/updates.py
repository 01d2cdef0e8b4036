"""What a live feed brings: updates of candles and prices, and what it must not bring.

Updates are tuples, because tens of thousands of them pass in a second; a price stays
the text that the exchange sent.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from candlehouse.core.model import Series


class CandleUpdate(NamedTuple):
    """A candle as it stands.

    Attributes:
        open_ms: its open time, on the slot grid.
        event_ms: the exchange's clock when it was sent.
        closed: nothing more will change it.
        line: the candle as a line of `Page.rows`, without the line break.
    """

    series: Series
    open_ms: int
    event_ms: int
    closed: bool
    line: str


class PriceUpdate(NamedTuple):
    """A symbol's last price, and what was traded in the 24 hours before.

    Attributes:
        event_ms: the exchange's clock when it was sent.
        price: exact decimal text, as are the volumes.
        volume: in the base asset.
        quote_volume: in the quote asset.
    """

    symbol: str
    event_ms: int
    price: str
    volume: str
    quote_volume: str


class BadMessage(NamedTuple):
    """A message that is not what it must be.

    Attributes:
        raw: its text, cut where it is very long.
        rule: that it breaks, as `quarantined_candles.rule` has it.
        series: that it is about, None when it does not say.
    """

    raw: str
    rule: str
    series: Series | None


class StreamSink(Protocol):
    """Takes what a stream client receives; called in the client's event loop."""

    def take_candle(self, update: CandleUpdate) -> None:
        """A valid update, in the order of receiving: late and double ones as well."""

    def take_price(self, update: PriceUpdate) -> None:
        """A valid price."""

    def take_bad(self, message: BadMessage) -> None:
        """A message that was refused."""

    def flowing(self, series: Collection[Series]) -> None:
        """These begin to flow on a new connection; what came before it may be missing."""

    def silent(self, series: Collection[Series]) -> None:
        """No connection brings these any more, for now."""

    async def room(self) -> None:
        """Waits while there is no room for more: receiving must be no faster than writing."""


class ConnectionBudget(Protocol):
    """The exchange's limit of connection attempts, shared by every process."""

    async def attempt(self) -> None:
        """Waits until one more connection may be attempted, and counts it."""

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        """Tells every process that this address is banned for `retry_after_s` seconds."""
