"""The kind `prices`: what a symbol was traded for last."""

from __future__ import annotations

from typing import NamedTuple

from candlehouse.core.live.channels import Channel

PRICES = "prices"


class PriceUpdate(NamedTuple):
    """A symbol's last price, and what was traded in the 24 hours before.

    Attributes:
        channel: of the kind `prices`, without a timeframe.
        event_ms: the exchange's clock when it was sent, in milliseconds since the epoch.
        price: exact decimal text in the quote asset, as are the volumes.
        volume: in the base asset.
        quote_volume: in the quote asset.
    """

    channel: Channel
    event_ms: int
    price: str
    volume: str
    quote_volume: str

    @property
    def symbol(self) -> str:
        """Whose price it is."""
        return self.channel.symbol

    @property
    def line(self) -> str:
        """Symbol and the other fields in their order, with tabs in between."""
        values = (self.event_ms, self.price, self.volume, self.quote_volume)
        return "\t".join([self.symbol, *map(str, values)])


def price_channel(symbol: str) -> Channel:
    """The channel that brings the last prices of a symbol."""
    return Channel(PRICES, symbol)
