"""What makes the events of each stream.

A new kind of stream, of trades or of the book, is one more class here and one more entry of
``_SOURCES``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from exchange_sim.klines.decimals import fixed8
from exchange_sim.klines.instrument import Market
from exchange_sim.klines.intervals import DAY_MS, slot_end
from exchange_sim.stream.cadence import close_due, first_open, next_turn, slots_over
from exchange_sim.stream.candles import finished_candles
from exchange_sim.stream.events import Event, KlineEvent, MiniTicker, MiniTickerEvent
from exchange_sim.websocket.names import ALL_MINI_TICKERS, KLINE, MINI_TICKER, StreamName

_TICKER_MS = 1000
_SECONDS_MS = 1000


@dataclass(frozen=True, slots=True)
class Setting:
    """What a source is made from.

    Attributes:
        now_ms: the clock when its first listener came.
        still: whether the clock stands.
        kline_update_ms: market time between two updates of an unfinished candle.
    """

    market: Market
    now_ms: int
    still: bool
    kline_update_ms: int


class Source(Protocol):
    """One stream while somebody listens."""

    @property
    def name(self) -> StreamName:
        """The stream."""

    def due_ms(self) -> int:
        """Return the instant of the market's clock at which it has something to say."""

    def finals(self, now_ms: int, *, still: bool) -> list[tuple[int, Event]]:
        """Return final events that are due, each with the instant that made it so, ascending."""

    def update(self, now_ms: int, *, forced: bool = False) -> Event | None:
        """Return an update if its turn has come, or at once if forced; None for nothing new.

        Comes after ``finals`` for the same instant.
        """

    def rewind(self, now_ms: int) -> None:
        """Begin anew at an instant before the last one."""


class KlineSource:
    """The candles of one symbol and interval."""

    def __init__(self, name: StreamName, setting: Setting) -> None:
        self.name = name
        self._market = setting.market
        seconds = name.interval == "1s"
        self._period_ms = _SECONDS_MS if seconds else setting.kline_update_ms
        self._open_ms = first_open(name.text, name.interval, setting.now_ms, still=setting.still)
        self._turn_ms = next_turn(name.text, self._period_ms, setting.now_ms)

    def due_ms(self) -> int:
        """Return when the next update or final event is due, whichever comes first.

        An update of the next candle waits for the final event of this one.
        """
        end = slot_end(self.name.interval, self._open_ms)
        return self._turn_ms if self._turn_ms < end else close_due(self.name.text, end)

    def finals(self, now_ms: int, *, still: bool) -> list[tuple[int, Event]]:
        """Return the final events of candles that are over."""
        name = self.name
        slots = slots_over(name.text, name.interval, self._open_ms, now_ms, still=still)
        if not slots:
            return []
        self._open_ms = slots[-1][1]
        found = finished_candles(self._market, name, slots, now_ms)
        ids = self._market.trade_ids
        return [
            (end, KlineEvent(name, now_ms, candle, ids(name.symbol, candle), True))
            for end, candle in found
        ]

    def update(self, now_ms: int, *, forced: bool = False) -> Event | None:
        """Return the unfinished candle as REST shows it; None while nothing trades."""
        if not forced and now_ms < self._turn_ms:
            return None
        self._turn_ms = next_turn(self.name.text, self._period_ms, now_ms)
        name, market = self.name, self._market
        over = now_ms >= slot_end(name.interval, self._open_ms)
        if over or not market.is_live(name.symbol, now_ms):
            return None
        candle = market.forming(name.symbol, name.interval, now_ms)
        if candle is None:
            return None
        return KlineEvent(name, now_ms, candle, market.trade_ids(name.symbol, candle), False)

    def rewind(self, now_ms: int) -> None:
        """Begin anew with the candle of an instant."""
        self._open_ms = first_open(self.name.text, self.name.interval, now_ms, still=True)
        self._turn_ms = next_turn(self.name.text, self._period_ms, now_ms)


def mini_ticker(market: Market, symbol: str, now_ms: int) -> MiniTicker | None:
    """Return the last 24 hours of a symbol, None if nothing traded."""
    if market.instrument(symbol, now_ms) is None:
        return None
    found = market.stretch(symbol, now_ms - DAY_MS, now_ms)
    if found is None:
        return None
    tick = found.price_decimals
    return MiniTicker(
        symbol=symbol,
        close=fixed8(found.close, tick),
        open=fixed8(found.open, tick),
        high=fixed8(found.high, tick),
        low=fixed8(found.low, tick),
        volume=fixed8(found.lots, found.lot_decimals),
        quote_volume=fixed8(found.quote, found.quote_decimals),
    )


class MiniTickerSource:
    """The tickers of one symbol or of all; says only what changed since it last spoke."""

    def __init__(self, name: StreamName, setting: Setting) -> None:
        self.name = name
        self._market = setting.market
        self._turn_ms = next_turn(name.text, _TICKER_MS, setting.now_ms)
        self._said: dict[str, MiniTicker] = {}

    def due_ms(self) -> int:
        """Return when it speaks next."""
        return self._turn_ms

    def finals(self, now_ms: int, *, still: bool) -> list[tuple[int, Event]]:
        """Return nothing: a rolling window is never final."""
        return []

    def update(self, now_ms: int, *, forced: bool = False) -> Event | None:
        """Return the tickers that changed."""
        if not forced and now_ms < self._turn_ms:
            return None
        self._turn_ms = next_turn(self.name.text, _TICKER_MS, now_ms)
        changed = []
        for symbol in self._symbols(now_ms):
            ticker = mini_ticker(self._market, symbol, now_ms)
            if ticker is not None and ticker != self._said.get(symbol):
                self._said[symbol] = ticker
                changed.append(ticker)
        return MiniTickerEvent(self.name, now_ms, changed) if changed else None

    def rewind(self, now_ms: int) -> None:
        """Begin anew: whatever was said counts no more."""
        self._said.clear()
        self._turn_ms = next_turn(self.name.text, _TICKER_MS, now_ms)

    def _symbols(self, now_ms: int) -> list[str]:
        if self.name.symbol:
            return [self.name.symbol]
        return [item.symbol for item in self._market.instruments(now_ms)]


_SOURCES: dict[str, Callable[[StreamName, Setting], Source]] = {
    KLINE: KlineSource,
    MINI_TICKER: MiniTickerSource,
    ALL_MINI_TICKERS: MiniTickerSource,
}


def make_source(name: StreamName, setting: Setting) -> Source | None:
    """Return what makes a stream's events, None for a name that never sends any."""
    make = None if name.kind is None else _SOURCES.get(name.kind)
    return None if make is None else make(name, setting)
