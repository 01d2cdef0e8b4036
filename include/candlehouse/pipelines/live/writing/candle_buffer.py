"""The buffer of candles: forming ones coalesce, closed ones never do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable

from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.live.channels import Channel

# Closed candles that are not committed yet: with more of them, receiving waits.
MOST_CLOSED = 20_000
# How many closed candles of a series are remembered to know one that comes twice.
_REMEMBERED = 8


class _Latest:
    """The newest that is known of a series.

    Attributes:
        newest: open time and event time of the newest update, in milliseconds.
        closed_ms: open time of the newest candle that closed: nothing reopens it.
        closed: the last closes, to know one that comes twice.
        waiting: the newest update if nobody has taken it yet.
    """

    __slots__ = ("closed", "closed_ms", "newest", "waiting")

    def __init__(self) -> None:
        self.newest = (-1, -1)
        self.closed_ms = -1
        self.closed: deque[CandleUpdate] = deque(maxlen=_REMEMBERED)
        self.waiting: CandleUpdate | None = None


class CandleBuffer:
    """Keeps every close once, and the newest update of each series.

    Args:
        on_closed: called for every closed candle that is new.

    Attributes:
        is_full: whether as many closed candles wait as may.
    """

    def __init__(self, on_closed: Callable[[CandleUpdate], None]) -> None:
        self.is_full = False
        self._on_closed = on_closed
        self._latest: dict[Channel, _Latest] = {}
        # In the order of their first change since the last taking.
        self._changed: list[_Latest] = []
        self._closed: list[CandleUpdate] = []

    def add(self, update: CandleUpdate) -> int | None:
        """Takes an update; returns how many it replaces, or None when it is late or a duplicate."""
        channel, open_ms, event_ms, closed, _ = update
        latest = self._latest.get(channel)
        if latest is None:
            latest = self._latest[channel] = _Latest()
        at = (open_ms, event_ms)
        if closed:
            if not self._add_close(latest, update):
                return None
            # A close is news even if an update of the next candle has overtaken it.
            if at <= latest.newest:
                return 0
        elif open_ms <= latest.closed_ms or at <= latest.newest:
            return None
        latest.newest = at
        replaced = 1
        if latest.waiting is None:
            self._changed.append(latest)
            replaced = 0
        latest.waiting = update
        return replaced

    def _add_close(self, latest: _Latest, update: CandleUpdate) -> bool:
        """Whether the close was not known yet."""
        for known in latest.closed:
            if known.open_ms == update.open_ms and known.line == update.line:
                return False
        latest.closed.append(update)
        latest.closed_ms = max(latest.closed_ms, update.open_ms)
        self._closed.append(update)
        self.is_full = len(self._closed) >= MOST_CLOSED
        self._on_closed(update)
        return True

    def put_back(self, closed: Iterable[CandleUpdate]) -> None:
        """Puts closed candles that could not be written back, before newer ones."""
        self._closed[:0] = closed
        self.is_full = len(self._closed) >= MOST_CLOSED

    def take(self) -> tuple[list[CandleUpdate], list[CandleUpdate]]:
        """Returns and clears: closed candles as received, and the newest update per series."""
        newest = [latest.waiting for latest in self._changed if latest.waiting is not None]
        for latest in self._changed:
            latest.waiting = None
        closed, self._closed, self._changed = self._closed, [], []
        self.is_full = False
        return closed, newest

    def forget(self, channels: Collection[Channel]) -> None:
        """Leaves out what waits of these and is not closed."""
        for channel in channels:
            latest = self._latest.pop(channel, None)
            if latest is not None:
                latest.waiting = None
