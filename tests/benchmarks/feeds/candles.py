"""Made-up candles as websocket frames, cut into bytes beforehand.

A frame is four pieces: what comes before the time of sending, that time, what depends on
the candle's slot, and the rest. Only the time is new in every message, so that a frame
costs the feed a fraction of what it costs whoever reads it.
"""

from __future__ import annotations

import re
from random import Random

DAYS_BACK = 90
# Messages of one candle; the last of them says that it has closed.
UPDATES = 60
# Candles of a series that differ from each other in more than their times.
_SHAPES = 4
_SECOND_MS = 1000
_LENGTHS_MS = {
    "1m": 60 * _SECOND_MS,
    "5m": 300 * _SECOND_MS,
    "15m": 900 * _SECOND_MS,
    "30m": 1800 * _SECOND_MS,
    "1h": 3600 * _SECOND_MS,
    "4h": 14_400 * _SECOND_MS,
    "1d": 86_400 * _SECOND_MS,
}
_NAME = re.compile(rf"([a-z0-9]+)@kline_({'|'.join(_LENGTHS_MS)})")
# Every time of this century has as many digits, so that lengths are known beforehand.
_TIME_DIGITS = 13

Parts = tuple[bytes, bytes, bytes, bytes]


def is_kline(name: str) -> bool:
    """Whether a stream's name is one that the feed has candles for."""
    return _NAME.fullmatch(name) is not None


class KlineStream:
    """The messages of one stream, candle by candle, from the past on.

    Args:
        name: as it is subscribed to, `btcusdt@kline_1m`.
        combined: whether messages are wrapped in an object with the stream's name.
        now_ms: from which its first candle is `DAYS_BACK` away.
        offset: messages to leave out of the first candle, so that not all close at once.
    """

    __slots__ = (
        "_at", "_length_ms", "_middle", "_middle_format", "_pieces", "_until_close",
        "closed", "first_ms", "name", "open_ms",
    )  # fmt: skip

    def __init__(self, name: str, combined: bool, now_ms: int, offset: int = 0) -> None:
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r} is not a stream of candles")
        symbol, interval = match[1].upper(), match[2]
        self.name = name
        self._length_ms = _LENGTHS_MS[interval]
        oldest_ms = now_ms - DAYS_BACK * _LENGTHS_MS["1d"]
        self.first_ms = self.open_ms = -(-oldest_ms // self._length_ms) * self._length_ms
        # How many candles have closed: those from `first_ms` to before `open_ms`.
        self.closed = 0
        self._middle_format = f',"s":"{symbol}","k":{{"t":%d,"T":%d,'.encode()
        self._middle = self._format_middle()
        self._pieces = _cut(name, symbol, interval, combined, len(self._middle))
        self._at = offset % UPDATES
        self._until_close = UPDATES - 1 - self._at

    def take(self, stamp: bytes, now_ms: int) -> Parts:
        """The pieces of the next frame, which is sent at `now_ms`, in digits `stamp`."""
        if self._until_close == 0:
            return self._close(stamp, now_ms)
        self._until_close -= 1
        head, tail = self._pieces[self._at]
        self._at += 1
        return head, stamp, self._middle, tail

    def _close(self, stamp: bytes, now_ms: int) -> Parts:
        if self.open_ms + self._length_ms > now_ms:
            # The past is used up, and no candle closes ahead of time: it is told anew.
            self._at -= UPDATES - 1
            self._until_close = UPDATES - 1
            return self.take(stamp, now_ms)
        head, tail = self._pieces[self._at]
        parts = head, stamp, self._middle, tail
        self.closed += 1
        self.open_ms += self._length_ms
        self._middle = self._format_middle()
        self._at = (self._at + 1) % len(self._pieces)
        self._until_close = UPDATES - 1
        return parts

    def _format_middle(self) -> bytes:
        return self._middle_format % (self.open_ms, self.open_ms + self._length_ms - 1)


def frame_header(length: int) -> bytes:
    """Of an unmasked text frame that is whole."""
    if length < 126:
        return bytes((0x81, length))
    return b"\x81\x7e" + length.to_bytes(2, "big")


def _cut(
    name: str, symbol: str, interval: str, combined: bool, middle: int
) -> list[tuple[bytes, bytes]]:
    """First and last pieces of every message of every shape."""
    wrap, end = (f'{{"stream":"{name}","data":', "}") if combined else ("", "")
    head = f'{wrap}{{"e":"kline","E":'
    random = Random(name)
    pieces = []
    for _ in range(_SHAPES):
        for numbers in _walk(random):
            tail = f'"s":"{symbol}","i":"{interval}",{numbers},"B":"0"}}}}{end}'
            header = frame_header(len(head) + _TIME_DIGITS + middle + len(tail))
            pieces.append((header + head.encode(), tail.encode()))
    return pieces


def _walk(random: Random) -> list[str]:
    """One candle as it grows: everything but its times and names.

    Prices are whole hundredths and quantities whole hundred-thousandths, so that sums of
    their products are exact with eight places.
    """
    opens = close = high = low = random.randrange(1_000, 10_000_000)
    first = trades = volume = quote = taker = taker_quote = 0
    first = random.randrange(10**6, 10**9)
    steps = []
    for step in range(UPDATES):
        close = max(1, close + random.randrange(-close // 1000 - 1, close // 1000 + 2))
        high, low = max(high, close), min(low, close)
        quantity = random.randrange(1, 500_000)
        trades += random.randrange(1, 9)
        volume += quantity
        quote += close * quantity
        if random.random() < 0.5:
            taker += quantity
            taker_quote += close * quantity
        steps.append(
            f'"f":{first},"L":{first + trades - 1},"o":"{_fixed8(opens, 2)}",'
            f'"c":"{_fixed8(close, 2)}","h":"{_fixed8(high, 2)}","l":"{_fixed8(low, 2)}",'
            f'"v":"{_fixed8(volume, 5)}","n":{trades},'
            f'"x":{"true" if step == UPDATES - 1 else "false"},"q":"{_fixed8(quote, 7)}",'
            f'"V":"{_fixed8(taker, 5)}","Q":"{_fixed8(taker_quote, 7)}"'
        )
    return steps


def _fixed8(number: int, places: int) -> str:
    whole, rest = divmod(number * 10 ** (8 - places), 10**8)
    return f"{whole}.{rest:08d}"
