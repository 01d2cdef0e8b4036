"""Single trades that make up a minute, and the numbers they carry."""

from dataclasses import dataclass

from exchange_sim.klines.intervals import HOUR_MS, MINUTE_MS, iso_ms, moment, month_start
from exchange_sim.lru import BoundedCache
from exchange_sim.market.fold import Total
from exchange_sim.market.series import Series
from exchange_sim.market.spec import SymbolSpec

# Numbers run on within a month and jump at its end, so that none needs the whole history.
_IDS_A_MONTH = 10**9
_FIRST_YEAR = 2017
_LEGS = 3
# First numbers that are kept: one for each series that is looked at, and some to spare.
_FIRSTS = 4096


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade; price in ticks, size in lots."""

    trade_id: int
    time_ms: int
    price: int
    lots: int
    buyer_is_maker: bool


def _share(total: int, parts: int, index: int) -> int:
    """Return part ``index`` of a total split as evenly as integers allow."""
    return total * (index + 1) // parts - total * index // parts


def _price(minute: Total, index: int, last: int) -> int:
    """Return the price of one trade on the way open, extreme, extreme, close."""
    if index == last:
        return minute.close
    rising = minute.trades % 2 == 0
    turn = (minute.high, minute.low) if rising else (minute.low, minute.high)
    corners = (minute.open, *turn, minute.close)
    leg, within = divmod(index * _LEGS, last)
    return corners[leg] + (corners[leg + 1] - corners[leg]) * within // last


def trades_of(minute: Total, open_ms: int, first_id: int) -> list[Trade]:
    """Return the trades of a minute, ascending by number and time.

    Their number, their sizes and the sizes of those in which the buyer took add up to the
    candle exactly; the first trades at its open and the last at its close. Quote volumes come
    near the candle's and no more.
    """
    count, lots, taken = minute.trades, minute.lots, minute.taker
    if count == 0:
        return []
    buys = max(count - (lots - taken), min(taken, count * taken // lots), 1 if taken else 0)
    sells = count - buys
    made, found, bought = lots - taken, [], 0
    for index in range(count):
        is_buy = (index + 1) * buys // count > index * buys // count
        size = _share(taken, buys, bought) if is_buy else _share(made, sells, index - bought)
        # Trade i has happened once floor(count * elapsed / minute) has passed i.
        at = open_ms + min(MINUTE_MS - 1, -(-(index + 1) * MINUTE_MS // count))
        price = _price(minute, index, max(1, count - 1))
        found.append(Trade(first_id + index, at, price, size, not is_buy))
        bought += is_buy
    return found


class Tape:
    """Trades of one seed by time and by number."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._firsts: BoundedCache[tuple[str, int], int] = BoundedCache(_FIRSTS)

    def first_id(self, spec: SymbolSpec, minute_ms: int) -> int:
        """Return the number that the first trade at or after a minute's start has."""
        found = self._firsts.get((spec.symbol, minute_ms))
        if found is None:
            start = month_start(minute_ms)
            before = self._series.total(spec, start, minute_ms)
            found = _month_base(start) + (0 if before is None else before.trades)
            self._firsts.put((spec.symbol, minute_ms), found)
        return found

    def ids(self, spec: SymbolSpec, start_ms: int, last_ms: int, trades: int) -> tuple[int, int]:
        """Return the numbers of the first and the last of a stretch's trades, -1 for none.

        Args:
            spec: whose trades.
            start_ms: where the stretch begins, on a whole minute.
            last_ms: its last instant, at most one change of month later.
            trades: how many it has.
        """
        if trades == 0:
            return -1, -1
        first, month = self.first_id(spec, start_ms), month_start(last_ms)
        if month <= start_ms:
            return first, first + trades - 1
        before = self._series.total(spec, start_ms, month)
        earlier = 0 if before is None else before.trades
        if trades <= earlier:
            return first, first + trades - 1
        base = _month_base(month)
        return (first if earlier else base), base + trades - earlier - 1

    def minute(self, spec: SymbolSpec, minute_ms: int) -> list[Trade]:
        """Return the trades of one whole minute."""
        whole = self._series.minute(spec, minute_ms)
        if whole is None:
            return []
        return trades_of(whole, minute_ms, self.first_id(spec, minute_ms))

    def locate(self, spec: SymbolSpec, trade_id: int) -> int:
        """Return the minute that holds a number, or the next one with trades after it.

        A number beyond the month's last leads to the month's end.
        """
        month, within = divmod(trade_id, _IDS_A_MONTH)
        start = iso_ms(f"{_FIRST_YEAR + max(month, 0) // 12:04d}-{max(month, 0) % 12 + 1:02d}-01")
        end = start + 31 * 24 * HOUR_MS
        at, step = start, 8 * 24 * HOUR_MS
        # Stride over eight days, then hours, then minutes.
        for stride in (step, HOUR_MS, MINUTE_MS):
            while at < end:
                sums = self._series.total(spec, at, at + stride)
                count = 0 if sums is None else sums.trades
                if count > within:
                    break
                within -= count
                at += stride
        return at


def _month_base(start_ms: int) -> int:
    at = moment(start_ms)
    return ((at.year - _FIRST_YEAR) * 12 + at.month - 1) * _IDS_A_MONTH
