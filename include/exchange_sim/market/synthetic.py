"""The synthetic market as tests and the server see it: truth and pages from one seed."""

from collections.abc import Iterator
from dataclasses import astuple

import msgspec

from exchange_sim.klines.candle import Candle
from exchange_sim.klines.instrument import Book, Coin, Instrument, PrintedTrade, Stretch
from exchange_sim.klines.intervals import (
    DAY_MS,
    FIXED_MS,
    INTERVALS,
    MINUTE_MS,
    MONTH,
    WEEK_MS,
    slot_end,
    slot_start,
)
from exchange_sim.klines.paging import Query, csv_of_pages, cut_page
from exchange_sim.market import lives
from exchange_sim.market.candles import candle_of, folded_candles, long_candles
from exchange_sim.market.counter import Counter, make_book, printed
from exchange_sim.market.fold import Total
from exchange_sim.market.lives import Listing, Span
from exchange_sim.market.series import FOLDED, Series
from exchange_sim.market.spec import COIN, STOCK, SymbolSpec, load_specs
from exchange_sim.market.tape import Tape
from exchange_sim.market.unfinished import Unfinished

_ENDLESS_MS = 1 << 53
_LONGEST_MS = {"1s": 1000, "1w": WEEK_MS, MONTH: 31 * DAY_MS}


class SyntheticMarket:
    """An endless market that follows from a seed.

    Everything about it can be asked for directly, so that a test can compare what a collector
    stored with what really happened.
    """

    has_market_caps = True

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.market_id = f"synthetic-{seed}"
        self._specs = {spec.symbol: spec for spec in load_specs()}
        self._series = Series(seed)
        self._tape = Tape(self._series)
        self._counter = Counter(seed, self._tape)
        self._unfinished = Unfinished(self._series)

    # ------------------------------------------------------------------ truth

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol that is ever listed, in a fixed order."""
        return tuple(self._specs)

    def spec(self, symbol: str) -> SymbolSpec:
        """Return the character of a symbol.

        Raises:
            KeyError: there is no such symbol.
        """
        return self._specs[symbol]

    def listing(self, symbol: str) -> Listing:
        """Return when a symbol's first minute opens and, half-open, when its rows end."""
        spec = self._specs[symbol]
        return Listing(spec.listed_ms, spec.delisted_ms)

    def outages(self, start_ms: int, end_ms: int) -> list[Span]:
        """Return exchange-wide outages that overlap ``[start_ms, end_ms)``, ascending."""
        return lives.outages(self.seed, start_ms, end_ms)

    def holes(self, symbol: str, start_ms: int, end_ms: int) -> list[Span]:
        """Return stretches in which this symbol alone has no rows, ascending."""
        return lives.holes(self.seed, symbol, start_ms, end_ms)

    def candles(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Return finished candles with ``start_ms <= open_time < end_ms``, ascending.

        Takes no notice of any clock: the future is as fixed as the past. Slots without rows
        are left out.
        """
        spec = self._specs[symbol]
        start = max(start_ms, slot_start(interval, spec.listed_ms))
        end = end_ms if spec.delisted_ms is None else min(end_ms, spec.delisted_ms)
        if start >= end:
            return []
        if interval in FOLDED:
            return folded_candles(self._series, spec, interval, start, end)
        return long_candles(self._series, spec, interval, start, end)

    # ---------------------------------------------------------------- serving

    def instruments(self, now_ms: int) -> list[Instrument]:
        """Return what exchangeInfo shows at an instant: everything listed by then."""
        return [_instrument(s, now_ms) for s in self._specs.values() if s.listed_ms <= now_ms]

    def instrument(self, symbol: str, now_ms: int) -> Instrument | None:
        """Return one instrument, None while it is not listed."""
        spec = self._specs.get(symbol)
        return None if spec is None or spec.listed_ms > now_ms else _instrument(spec, now_ms)

    def coins(self, now_ms: int) -> list[Coin]:
        """Return the base assets of what is listed, each once, with supply and price."""
        coins: dict[str, Coin] = {}
        for spec in self._specs.values():
            if spec.quote == "USDT" and spec.listed_ms <= now_ms and spec.base not in coins:
                last = self._last(spec, now_ms)
                price = (last.close, spec.price_decimals)
                coins[spec.base] = Coin(spec.base, spec.coin_id, spec.name, price, spec.supply)
        return list(coins.values())

    def unserved(self, symbol: str, interval: str) -> str | None:
        """Return why klines cannot be served; here never."""
        return None

    def klines(self, query: Query, now_ms: int) -> bytes:
        """Return a page of klines as JSON; the last row may be unfinished at ``now_ms``."""
        spec = self._specs[query.symbol]
        start = max(query.start_ms or 0, slot_start(query.interval, spec.listed_ms))
        end = now_ms if query.end_ms is None else min(query.end_ms, now_ms)
        if start > end:
            return b"[]"
        forming_open = slot_start(query.interval, now_ms)
        forming: list[bytes] = []
        if start <= forming_open <= end:
            candle = self.forming(query.symbol, query.interval, now_ms)
            forming = [] if candle is None else [msgspec.json.encode(candle.row())]
        closed_end = min(end, forming_open - 1)
        if spec.delisted_ms is not None:
            closed_end = min(closed_end, spec.delisted_ms - 1)
        room = query.limit - len(forming) if query.newest_first else query.limit
        parts, count = self._closed(
            spec, query.interval, start, closed_end, room, query.newest_first
        )
        if count < query.limit:
            parts += forming
        return b"[" + b",".join(parts) + b"]"

    def csv(
        self, symbol: str, interval: str, start_ms: int, end_ms: int, *, microseconds: bool
    ) -> bytes:
        """Return finished rows of whole days as a published file has them."""
        if interval in FOLDED and FIXED_MS[interval] <= DAY_MS:
            spec, span = self._specs[symbol], (start_ms, end_ms)
            return self._series.csv(spec, interval, *span, microseconds=microseconds)
        over_ms = slot_end(interval, end_ms)
        return csv_of_pages(
            lambda query: self.klines(query, over_ms),
            (symbol, interval), (start_ms, end_ms), microseconds=microseconds,
        )  # fmt: skip

    def _closed(
        self, spec: SymbolSpec, interval: str, start: int, end: int, limit: int, newest_first: bool
    ) -> tuple[list[bytes], int]:
        if start > end or limit == 0:
            return [], 0
        if interval in FOLDED:
            blocks = self._series.blocks(spec, interval, (start, end), limit, newest_first)
            return cut_page(blocks, start, end, limit, newest_first)
        # Weeks and months are few: made one by one, in integers of any size.
        if newest_first:
            start = max(start, slot_start(interval, end) - limit * _LONGEST_MS[interval])
        else:
            end = min(end, start + (limit + 1) * _LONGEST_MS[interval])
        candles = self.candles(spec.symbol, interval, start, end + 1)
        kept = candles[-limit:] if newest_first else candles[:limit]
        return [msgspec.json.encode(candle.row()) for candle in kept], len(kept)

    def forming(self, symbol: str, interval: str, now_ms: int) -> Candle | None:
        """Return the unfinished candle that klines show, None where they show none."""
        spec = self._specs.get(symbol)
        if spec is None or FIXED_MS.get(interval, MINUTE_MS) < MINUTE_MS:
            return None
        start = slot_start(interval, now_ms)
        sums = self._unfinished.total(spec, start, now_ms)
        return None if sums is None else candle_of(spec, start, slot_end(interval, start), sums)

    def is_live(self, symbol: str, now_ms: int) -> bool:
        """Return whether the minute of an instant has a row: no outage, no hole, listed."""
        spec = self._specs.get(symbol)
        return spec is not None and self._unfinished.has_row(spec, now_ms)

    def _last(self, spec: SymbolSpec, now_ms: int) -> Total:
        """Return what traded last at or before ``now_ms``; its close is the last price."""
        end = now_ms if spec.delisted_ms is None else min(now_ms, spec.delisted_ms)
        minute_ms = end // MINUTE_MS * MINUTE_MS
        for start in self._lookbacks(spec, minute_ms):
            found = self._unfinished.total(spec, start, end)
            if found is not None:
                return found
        # Listed while the whole exchange was dark: there is a price and no trade yet.
        return self._series.quiet_minute(spec, minute_ms)

    @staticmethod
    def _lookbacks(spec: SymbolSpec, minute_ms: int) -> Iterator[int]:
        yield minute_ms
        yield from (max(spec.listed_ms, minute_ms - back) for back in (60 * MINUTE_MS, DAY_MS))

    def last_price(self, symbol: str, now_ms: int) -> tuple[int, int]:
        """Return the last price as (ticks, decimals)."""
        spec = self._specs[symbol]
        return self._last(spec, now_ms).close, spec.price_decimals

    def stretch(self, symbol: str, start_ms: int, now_ms: int) -> Stretch | None:
        """Return what traded from ``start_ms`` (cut to its minute) to ``now_ms``."""
        spec = self._specs[symbol]
        start = max(start_ms // MINUTE_MS * MINUTE_MS, spec.listed_ms)
        if spec.delisted_ms is not None and now_ms >= spec.delisted_ms:
            return None
        sums = self._unfinished.total(spec, start, now_ms)
        if sums is None:
            return None
        tick, lot = spec.price_decimals, spec.lot_decimals
        return Stretch(tick, lot, tick + lot, *astuple(sums))

    def life(self, symbol: str, interval: str) -> tuple[int, int] | None:
        """Return the half-open stretch in which a series has rows."""
        if interval not in INTERVALS or FIXED_MS.get(interval, MINUTE_MS) < MINUTE_MS:
            return None
        spec = self._specs[symbol]
        end = _ENDLESS_MS if spec.delisted_ms is None else spec.delisted_ms
        return slot_start(interval, spec.listed_ms), end

    def book(self, symbol: str, now_ms: int, levels: int) -> Book:
        """Return the order book; empty after the delisting."""
        spec = self._specs[symbol]
        if spec.delisted_ms is not None and spec.delisted_ms <= now_ms:
            return Book(0, spec.price_decimals, spec.lot_decimals, (), ())
        return make_book(self.seed, spec, self._last(spec, now_ms).close, now_ms, levels)

    def first_trade_id(self, symbol: str, start_ms: int) -> int | None:
        """Return the number of the first trade from an instant's minute on."""
        spec = self._specs[symbol]
        return self._tape.first_id(spec, start_ms // MINUTE_MS * MINUTE_MS)

    def trade_ids(self, symbol: str, candle: Candle) -> tuple[int, int]:
        """Return the numbers of a candle's first and last trade."""
        spec = self._specs[symbol]
        return self._tape.ids(spec, candle.open_ms, candle.close_ms, candle.trades)

    def last_trade_id(self, symbol: str, now_ms: int) -> int:
        """Return the number of the newest trade; one before the first in a month's first minute."""
        spec = self._specs[symbol]
        end = now_ms if spec.delisted_ms is None else min(now_ms, spec.delisted_ms)
        minute_ms = end // MINUTE_MS * MINUTE_MS
        so_far = self._unfinished.total(spec, minute_ms, end)
        return self._tape.first_id(spec, minute_ms) + (so_far.trades if so_far else 0) - 1

    def trades_before(self, symbol: str, end_ms: int, limit: int) -> list[PrintedTrade]:
        """Return the newest trades up to an instant (inclusive), ascending."""
        spec = self._specs[symbol]
        return [printed(spec, trade) for trade in self._counter.before(spec, end_ms, limit)]

    def trades_between(
        self, symbol: str, start_ms: int, end_ms: int, limit: int
    ) -> list[PrintedTrade]:
        """Return the oldest trades of a stretch (both ends inclusive), ascending."""
        spec = self._specs[symbol]
        found = self._counter.between(spec, start_ms, end_ms, limit)
        return [printed(spec, trade) for trade in found]

    def trades_from_id(
        self, symbol: str, trade_id: int, end_ms: int, limit: int
    ) -> list[PrintedTrade]:
        """Return trades from a number on (inclusive), ascending."""
        spec = self._specs[symbol]
        found = self._counter.from_id(spec, trade_id, end_ms, limit)
        return [printed(spec, trade) for trade in found]


def _instrument(spec: SymbolSpec, now_ms: int) -> Instrument:
    over = spec.delisted_ms is not None and spec.delisted_ms <= now_ms
    status = "BREAK" if over else spec.status
    tags = ("bStocks",) if spec.kind == STOCK else ()
    return Instrument(
        symbol=spec.symbol,
        base=spec.base,
        quote=spec.quote,
        status=status,
        price_decimals=spec.price_decimals,
        lot_decimals=spec.lot_decimals,
        permission=spec.permission,
        margin=spec.kind == COIN,
        name=spec.name,
        supply=spec.supply,
        tags=tags,
    )
