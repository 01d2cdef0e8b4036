"""The kind `prices`: the last price of a symbol."""

from __future__ import annotations

from typing import NamedTuple

from candlehouse.core.live.channels import Channel

PRICES = "prices"


class PriceUpdate(NamedTuple):
    """A symbol's last price, and its volume of the last 24 hours.

    Attributes:
        channel: of the kind `prices`, without a timeframe.
        event_ms: the exchange's clock when it was sent, in milliseconds since the epoch.
        price: exact decimal text, in the quote asset.
        volume: exact decimal text, in the base asset.
        quote_volume: exact decimal text, in the quote asset.
    """

    channel: Channel
    event_ms: int
    price: str
    volume: str
    quote_volume: str

    @property
    def symbol(self) -> str:
        """The symbol of the price."""
        return self.channel.symbol

    @property
    def line(self) -> str:
        """Symbol and the other fields in their order, separated by tabs."""
        values = (self.event_ms, self.price, self.volume, self.quote_volume)
        return "\t".join([self.symbol, *map(str, values)])


def price_channel(symbol: str) -> Channel:
    """The channel of the last prices of a symbol."""
    return Channel(PRICES, symbol)
