"""What the server needs to know of a market, whatever stands behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from exchange_sim.klines.candle import Candle
from exchange_sim.klines.paging import Query


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of exchangeInfo.

    Attributes:
        price_decimals: decimals of the tick size.
        lot_decimals: decimals of the step size.
        permission: the first name of its permission set.
        margin: whether MARGIN stands beside it.
        supply: circulating units, None if unknown.
        tags: of Binance's product list.
    """

    symbol: str
    base: str
    quote: str
    status: str
    price_decimals: int
    lot_decimals: int
    permission: str = "SPOT"
    margin: bool = False
    name: str = ""
    supply: int | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coin:
    """A base asset for the market-cap sources; price is (ticks, decimals) in USDT."""

    base: str
    coin_id: str
    name: str
    price: tuple[int, int]
    supply: int | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """What traded over a stretch of time: whole numbers of units of ``10**-decimals``."""

    price_decimals: int
    lot_decimals: int
    quote_decimals: int
    open: int
    high: int
    low: int
    close: int
    lots: int
    quote: int
    trades: int
    taker: int
    taker_quote: int


@dataclass(frozen=True, slots=True)
class Book:
    """An order book: (price in ticks, size in lots) a level, best first."""

    update_id: int
    price_decimals: int
    lot_decimals: int
    bids: Sequence[tuple[int, int]]
    asks: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class PrintedTrade:
    """One trade, its decimals as exact text."""

    trade_id: int
    time_ms: int
    price: str
    quantity: str
    quote_quantity: str
    buyer_is_maker: bool


class Market(Protocol):
    """What stands behind the server: the synthetic market or a folder of real files."""

    @property
    def market_id(self) -> str:
        """Identity of the market: the same id means the same candles."""

    @property
    def has_market_caps(self) -> bool:
        """Whether the market-cap sources list the asset."""

    def instruments(self, now_ms: int) -> list[Instrument]:
        """Return everything that exchangeInfo shows at an instant."""

    def instrument(self, symbol: str, now_ms: int) -> Instrument | None:
        """Return one instrument, None if it is unknown at that instant."""

    def coins(self, now_ms: int) -> Sequence[Coin]:
        """Return base assets with prices and supplies."""

    def unserved(self, symbol: str, interval: str) -> str | None:
        """Return why klines of a known symbol cannot be served, None if they can."""

    def klines(self, query: Query, now_ms: int) -> bytes:
        """Return a page of klines as a JSON array."""

    def csv(
        self, symbol: str, interval: str, start_ms: int, end_ms: int, *, microseconds: bool
    ) -> bytes:
        """Return the finished rows that open in ``[start_ms, end_ms)`` as a file has them.

        Takes no notice of any clock. Twelve columns, no header, empty if there are no rows.
        """

    def forming(self, symbol: str, interval: str, now_ms: int) -> Candle | None:
        """Return the unfinished candle that klines show at an instant, None where they do not."""

    def is_live(self, symbol: str, now_ms: int) -> bool:
        """Return whether trading goes on at an instant: no outage, no hole, listed."""

    def trade_ids(self, symbol: str, candle: Candle) -> tuple[int, int]:
        """Return the numbers of a candle's first and last trade, -1 where there is none."""

    def last_price(self, symbol: str, now_ms: int) -> tuple[int, int]:
        """Return the last price as (ticks, decimals)."""

    def stretch(self, symbol: str, start_ms: int, now_ms: int) -> Stretch | None:
        """Return what traded in ``[start_ms, now_ms)``, None if nothing did."""

    def life(self, symbol: str, interval: str) -> tuple[int, int] | None:
        """Return the half-open stretch in which a series has rows, None if it never has any.

        The end of a series that goes on lies beyond any clock.
        """

    def book(self, symbol: str, now_ms: int, levels: int) -> Book:
        """Return the order book, empty where nothing is traded."""

    def first_trade_id(self, symbol: str, start_ms: int) -> int | None:
        """Return the number of the first trade from an instant's minute on, None if unknown."""

    def last_trade_id(self, symbol: str, now_ms: int) -> int:
        """Return the number of the newest trade, -1 if there is none."""

    def trades_before(self, symbol: str, end_ms: int, limit: int) -> list[PrintedTrade]:
        """Return the newest trades up to an instant (inclusive), ascending."""

    def trades_between(
        self, symbol: str, start_ms: int, end_ms: int, limit: int
    ) -> list[PrintedTrade]:
        """Return the oldest trades of a stretch (both ends inclusive), ascending."""

    def trades_from_id(
        self, symbol: str, trade_id: int, end_ms: int, limit: int
    ) -> list[PrintedTrade]:
        """Return trades from a number on (inclusive), ascending."""
