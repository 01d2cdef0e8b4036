"""The exchange's description of its pairs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

TRADING = "TRADING"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One pair of the spot market.

    Attributes:
        status: as reported by the exchange; anything but TRADING means that it does not trade.
        permissions: everything that the pair may be traded as; SPOT, MARGIN and others.
            Empty when the exchange does not report them.
        tick_size: smallest step of the price, None when not reported.
        lot_size: smallest step of the quantity, None when not reported.
        min_notional: smallest value (price times quantity) of an order, None when not reported.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    status: str
    permissions: frozenset[str] = frozenset()
    spot_allowed: bool = True
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    min_notional: Decimal | None = None

    @property
    def is_trading(self) -> bool:
        """Whether the pair trades now; an unknown status counts as not trading."""
        return self.status == TRADING


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """Every pair, in the exchange's order, and the limit of requests.

    Attributes:
        weight_limit: request weight per minute and IP address, None when not reported.
    """

    weight_limit: int | None
    instruments: tuple[Instrument, ...]


@dataclass(frozen=True, slots=True)
class Ticker:
    """A pair's last price, and what was traded in the last 24 hours, in both its assets."""

    last_price: Decimal
    volume: Decimal
    quote_volume: Decimal
