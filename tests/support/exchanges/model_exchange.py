"""An exchange in memory, small enough to be obviously right.

Every slot of every symbol has a candle made from its name and time, but for the slots
that are taken away: before the listing, after the end, in outages and lone holes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import to_ms
from candlehouse.exchange.binance.http.wire import parse_klines

FOREVER = datetime.max.replace(tzinfo=UTC)


@lru_cache(maxsize=100_000)
def make_row(series: Series, slot: datetime) -> str:
    """The line of a candle; cached, because most lines are requested repeatedly."""
    at_ms = to_ms(slot)
    seed = (at_ms // 60_000 * 31 + sum(map(ord, series.symbol))) % 1000
    close_ms = at_ms + series.timeframe.length_ms - 1
    low, high = f"{seed}.50000000", f"{seed + 3}.00000000"
    cells = (
        series.symbol, at_ms, f"{seed + 1}.00000000", high, low,
        f"{seed + 2}.00000000", f"{seed}.00000001", close_ms,
        f"{seed}000.10000000", seed, "0.00000000", "0.00000000",
    )  # fmt: skip
    return "\t".join(map(str, cells)) + "\n"


class Killed(BaseException):
    """Simulates a killed process; no code may catch this and continue."""


@dataclass(frozen=True)
class Manners:
    """How pages of a real server or proxy differ from the request.

    Attributes:
        cap: rows per page at the most, whatever `limit` says.
        newest: whether a page that is cut short keeps its last rows, not its first.
        before: rows from before the range that come as well.
        after: likewise from behind it.
        repeat: whether the first row comes twice.
    """

    cap: int = 1000
    newest: bool = False
    before: int = 0
    after: int = 0
    repeat: bool = False


@dataclass
class ModelExchange:
    """Answers as a CandleSource does.

    Attributes:
        now: its clock.
        listed: the first moment of each symbol.
        ended: the moment from which a symbol that left has no candles.
        dark: ranges in which no symbol has candles.
        holes: ranges in which one symbol has none.
        unlisted: symbols that its list of pairs lacks although they trade.
        kill_after: requests that are answered before the process dies, None for ever.
        manners: how its pages differ from what was asked for.
    """

    now: datetime
    listed: dict[str, datetime]
    ended: dict[str, datetime] = field(default_factory=dict)
    dark: list[Span] = field(default_factory=list)
    holes: list[tuple[str, Span]] = field(default_factory=list)
    unlisted: set[str] = field(default_factory=set)
    kill_after: int | None = None
    manners: Manners = field(default_factory=Manners)
    requests: int = 0

    def slots(self, series: Series, span: Span) -> list[datetime]:
        """Where the exchange has candles, closed or not, in order."""
        symbol, length = series.symbol, series.timeframe.length
        count = max(0, (span.end - span.start) // length)
        listed = series.timeframe.floor(self.listed[symbol])
        ended = self.ended.get(symbol, FOREVER)
        gone = [*self.dark, *(hole for owner, hole in self.holes if owner == symbol)]
        return [
            slot
            for n in range(count)
            if listed <= (slot := span.start + n * length) < self.now
            and slot + length <= ended
            and not any(one.start <= slot < one.end for one in gone)
        ]

    def row(self, series: Series, slot: datetime) -> str:
        """The line that a page has for the candle at `slot`."""
        return make_row(series, slot)

    async def fetch_time(self) -> datetime:
        return self.now

    async def fetch_first_open_time(self, series: Series) -> datetime | None:
        self._count()
        every = Span(series.timeframe.floor(self.listed[series.symbol]), self.now)
        return next(iter(self.slots(series, every)), None)

    async def fetch_last_open_time(self, series: Series) -> datetime | None:
        self._count()
        every = Span(
            series.timeframe.floor(self.listed[series.symbol]), series.timeframe.floor(self.now)
        )
        return next(reversed(self.slots(series, every)), None)

    async def fetch_page(self, series: Series, span: Span, limit: int) -> RestPage:
        self._count()
        manners, length = self.manners, series.timeframe.length
        room = min(limit, manners.cap)
        inside = self.slots(series, span)
        before = self.slots(series, Span(span.start - manners.before * length, span.start))
        after = self.slots(series, Span(span.end, span.end + manners.after * length))
        slots = inside[-room:] if manners.newest else inside[:room]
        if len(slots) < len(inside):
            # It is cut short: nothing comes from beyond the cut.
            before, after = [] if manners.newest else before, after if manners.newest else []
        around = [*before, *slots, *after] if slots else []
        twice = around[:1] if manners.repeat else []
        payload = [self._kline(series, slot) for slot in [*twice, *around]]
        return parse_klines(series, span, payload, max(limit, len(payload)))

    def _kline(self, series: Series, slot: datetime) -> list[str | int]:
        _, opens, *numbers = self.row(series, slot).rstrip("\n").split("\t")
        return [int(opens), *numbers, "0"]

    async def fetch_trading_symbols(self) -> frozenset[str]:
        self._count()
        return frozenset(
            symbol for symbol, listed in self.listed.items()
            if symbol not in {*self.ended, *self.unlisted} and listed <= self.now
        )  # fmt: skip

    def _count(self) -> None:
        self.requests += 1
        if self.kill_after is not None and self.requests > self.kill_after:
            raise Killed


def hours(start: datetime, first: int, last: int) -> Span:
    """The range from `first` to `last` hours after `start`."""
    return Span(start + timedelta(hours=first), start + timedelta(hours=last))
