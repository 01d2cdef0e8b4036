"""What stands at the counter at an instant: the order book and the trades of a symbol."""

import numpy as np

from exchange_sim.klines.decimals import fixed8
from exchange_sim.klines.instrument import Book, PrintedTrade
from exchange_sim.klines.intervals import DAY_MS, MINUTE_MS
from exchange_sim.market.hashing import draw_many, key_of
from exchange_sim.market.lives import absences
from exchange_sim.market.spec import SymbolSpec
from exchange_sim.market.tape import Tape, Trade

# The book changes ten times a second; its number is the time in these steps.
_UPDATE_MS = 100


def make_book(seed: int, spec: SymbolSpec, last: int, now_ms: int, levels: int) -> Book:
    """Return a book around the last price: sizes by hash of the instant, prices without gaps.

    Bids end at one tick, so a cheap coin has fewer of them.
    """
    update = now_ms // _UPDATE_MS
    key = key_of(seed, "book", spec.symbol)
    size = max(1, spec.lots_a_minute // 20)

    def side(first: int, step: int, salt: int) -> list[tuple[int, int]]:
        prices = first + step * np.arange(levels, dtype=np.int64)
        prices = prices[prices > 0]
        # A level keeps its size for a while: only some change with each update.
        age = update // (1 + (draw_many(key, prices) % np.uint64(50)).astype(np.int64))
        sizes = draw_many(key ^ salt, prices + (age << 24)) % np.uint64(2 * size)
        return list(zip(prices.tolist(), (sizes + np.uint64(1)).tolist(), strict=True))

    return Book(
        update_id=update,
        price_decimals=spec.price_decimals,
        lot_decimals=spec.lot_decimals,
        bids=side(last - 1, -1, 1),
        asks=side(last + 1, 1, 2),
    )


def printed(spec: SymbolSpec, trade: Trade) -> PrintedTrade:
    """Return a trade as text."""
    tick, lot = spec.price_decimals, spec.lot_decimals
    return PrintedTrade(
        trade.trade_id,
        trade.time_ms,
        fixed8(trade.price, tick),
        fixed8(trade.lots, lot),
        fixed8(trade.price * trade.lots, tick + lot),
        trade.buyer_is_maker,
    )


class Counter:
    """Finds stretches of trades in one seed's tape."""

    def __init__(self, seed: int, tape: Tape) -> None:
        self._seed = seed
        self._tape = tape

    def between(self, spec: SymbolSpec, start_ms: int, end_ms: int, limit: int) -> list[Trade]:
        """Return the oldest trades with ``start_ms <= time <= end_ms``, ascending.

        Looks no further than a day ahead, as the exchange does.
        """
        found: list[Trade] = []
        minute = max(start_ms, spec.listed_ms) // MINUTE_MS * MINUTE_MS
        last = min(end_ms, start_ms + DAY_MS)
        while minute <= last and len(found) < limit:
            trades = self._tape.minute(spec, minute)
            found += [trade for trade in trades if start_ms <= trade.time_ms <= last]
            minute += MINUTE_MS
        return found[:limit]

    def before(self, spec: SymbolSpec, end_ms: int, limit: int) -> list[Trade]:
        """Return the newest trades with ``time <= end_ms``, ascending."""
        found: list[Trade] = []
        if spec.delisted_ms is not None:
            end_ms = min(end_ms, spec.delisted_ms - 1)
        minute = end_ms // MINUTE_MS * MINUTE_MS
        while minute >= spec.listed_ms and len(found) < limit:
            trades = self._tape.minute(spec, minute)
            found = [trade for trade in trades if trade.time_ms <= end_ms] + found
            minute = self._step_back(spec, minute)
        return found[-limit:]

    def from_id(self, spec: SymbolSpec, trade_id: int, end_ms: int, limit: int) -> list[Trade]:
        """Return trades numbered ``trade_id`` and up, ascending, no later than ``end_ms``."""
        start = max(self._tape.locate(spec, trade_id), spec.listed_ms)
        # The first minute may hold trades with smaller numbers: ask for as many more.
        first = self._tape.minute(spec, start)
        extra = sum(1 for trade in first if trade.trade_id < trade_id)
        found = self.between(spec, start, end_ms, limit + extra)
        return [trade for trade in found if trade.trade_id >= trade_id][:limit]

    def _step_back(self, spec: SymbolSpec, minute_ms: int) -> int:
        """Return the minute before, or the one before an outage."""
        before = minute_ms - MINUTE_MS
        for span in absences(self._seed, spec, before, minute_ms):
            before = min(before, span.start_ms - MINUTE_MS)
        return before
