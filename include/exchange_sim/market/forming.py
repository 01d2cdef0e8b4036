"""The part of a minute that has happened so far."""

from exchange_sim.klines.intervals import MINUTE_MS
from exchange_sim.market.fold import Total

# A minute's price goes open, one extreme, the other extreme, close: three legs.
_LEG_MS = MINUTE_MS // 3


def part_of_minute(whole: Total, elapsed_ms: int) -> Total:
    """Return a minute as it stands ``elapsed_ms`` after it began.

    Counts and volumes only grow, high only rises, low only falls, and at 60,000 ms the result
    is the whole minute. Before the first trade nothing has happened: O = H = L = C, all zero.

    Args:
        whole: the finished minute.
        elapsed_ms: 0 to 60,000.
    """
    if elapsed_ms >= MINUTE_MS or whole.trades == 0:
        return whole
    trades = whole.trades * elapsed_ms // MINUTE_MS
    if trades == 0:
        price = whole.open
        return Total(price, price, price, price, 0, 0, 0, 0, 0)
    # One lot a trade at least, as in the finished minute.
    lots = trades + (whole.lots - whole.trades) * elapsed_ms // MINUTE_MS
    rising = whole.trades % 2 == 0
    first, second = (whole.high, whole.low) if rising else (whole.low, whole.high)
    corners = (whole.open, first, second, whole.close)
    leg, within = divmod(elapsed_ms, _LEG_MS)
    last = corners[leg] + (corners[leg + 1] - corners[leg]) * within // _LEG_MS
    seen = (*corners[: leg + 1], last)
    high, low = max(seen), min(seen)
    quote = min(max(whole.quote * lots // whole.lots, low * lots), high * lots)
    taker = whole.taker * lots // whole.lots
    taker_quote = min(max(whole.taker_quote * lots // whole.lots, low * taker), high * taker, quote)
    return Total(whole.open, high, low, last, lots, quote, trades, taker, taker_quote)
