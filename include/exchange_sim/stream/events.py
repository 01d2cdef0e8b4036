"""What streams send: one object for each event, encoded once for all who listen."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from exchange_sim.klines.candle import Candle
from exchange_sim.websocket.frames import encode_frame
from exchange_sim.websocket.names import StreamName

SHUTDOWN = "!serverShutdown"


@dataclass(frozen=True, slots=True)
class Form:
    """How a connection wants its events: times in microseconds, wrapped with the stream's name."""

    micro: bool = False
    combined: bool = False


class Event(ABC):
    """One event of one stream.

    Attributes:
        name: the stream.
        sent_ms: the market's time when it was sent.
        closed: of a candle whether it is final; None for everything else.
    """

    __slots__ = ("_frames", "closed", "name", "sent_ms")

    def __init__(self, name: StreamName, sent_ms: int, closed: bool | None = None) -> None:
        self.name = name
        self.sent_ms = sent_ms
        self.closed = closed
        self._frames: dict[Form, bytes] = {}

    @property
    @abstractmethod
    def kind(self) -> str:
        """What it counts as in statistics."""

    @abstractmethod
    def data(self, factor: int) -> bytes:
        """Return the payload as JSON, its times multiplied by 1 or 1000."""

    def payload(self, form: Form) -> bytes:
        """Return the JSON text of the message."""
        data = self.data(1000 if form.micro else 1)
        return wrapped(self.name.text, data) if form.combined else data

    def frame(self, form: Form) -> bytes:
        """Return the frame, made at the first call for each form."""
        made = self._frames.get(form)
        if made is None:
            made = self._frames[form] = encode_frame(self.payload(form))
        return made


def wrapped(stream: str, data: bytes) -> bytes:
    """Return the message of a combined stream."""
    return b'{"stream":"%s","data":%s}' % (stream.encode(), data)


class KlineEvent(Event):
    """A candle, finished or not.

    Attributes:
        candle: what it shows.
        ids: numbers of its first and last trade, -1 where there is none.
    """

    __slots__ = ("candle", "ids")

    def __init__(
        self, name: StreamName, sent_ms: int, candle: Candle, ids: tuple[int, int], closed: bool
    ) -> None:
        super().__init__(name, sent_ms, closed)
        self.candle = candle
        self.ids = ids

    @property
    def kind(self) -> str:
        """``kline_closed`` or ``kline_forming``."""
        return "kline_closed" if self.closed else "kline_forming"

    def data(self, factor: int) -> bytes:
        """Return the payload, its fields in the order in which the exchange writes them."""
        c, (first, last) = self.candle, self.ids
        # In microseconds a candle closes with its last microsecond, not its last millisecond.
        close = (c.close_ms + 1) * factor - 1
        return (
            f'{{"e":"kline","E":{self.sent_ms * factor},"s":"{self.name.symbol}","k":{{'
            f'"t":{c.open_ms * factor},"T":{close},"s":"{self.name.symbol}",'
            f'"i":"{self.name.interval}","f":{first},"L":{last},"o":"{c.open}","c":"{c.close}",'
            f'"h":"{c.high}","l":"{c.low}","v":"{c.volume}","n":{c.trades},'
            f'"x":{"true" if self.closed else "false"},"q":"{c.quote_volume}",'
            f'"V":"{c.taker_volume}","Q":"{c.taker_quote_volume}","B":"0"}}}}'
        ).encode()


@dataclass(frozen=True, slots=True)
class MiniTicker:
    """Prices and volumes of the last 24 hours, as text."""

    symbol: str
    close: str
    open: str
    high: str
    low: str
    volume: str
    quote_volume: str

    def data(self, sent: int) -> bytes:
        """Return it as JSON; ``sent`` is the time in the client's unit."""
        return (
            f'{{"e":"24hrMiniTicker","E":{sent},"s":"{self.symbol}","c":"{self.close}",'
            f'"o":"{self.open}","h":"{self.high}","l":"{self.low}","v":"{self.volume}",'
            f'"q":"{self.quote_volume}"}}'
        ).encode()


class MiniTickerEvent(Event):
    """The ticker of one symbol, or a list of those that changed."""

    __slots__ = ("tickers",)

    def __init__(self, name: StreamName, sent_ms: int, tickers: Iterable[MiniTicker]) -> None:
        super().__init__(name, sent_ms)
        self.tickers = tuple(tickers)

    @property
    def kind(self) -> str:
        """``miniTicker`` or ``!miniTicker@arr``."""
        return str(self.name.kind)

    def data(self, factor: int) -> bytes:
        """Return an object, or for the whole market an array."""
        made = [ticker.data(self.sent_ms * factor) for ticker in self.tickers]
        return made[0] if self.name.symbol else b"[" + b",".join(made) + b"]"


class ShutdownEvent(Event):
    """The server's word that this connection will end soon."""

    __slots__ = ()

    def __init__(self, sent_ms: int) -> None:
        super().__init__(StreamName(SHUTDOWN), sent_ms)

    @property
    def kind(self) -> str:
        """``serverShutdown``."""
        return "serverShutdown"

    def data(self, factor: int) -> bytes:
        """Return the payload."""
        return b'{"e":"serverShutdown","E":%d}' % (self.sent_ms * factor)
