"""When a stream speaks: pure arithmetic on the market's clock, in epoch milliseconds."""

from zlib import crc32

from exchange_sim.klines.intervals import FIXED_MS, slot_end, slot_start

# A final event arrives this long after the candle's end.
FIRST_CLOSE_MS, LAST_CLOSE_MS = 2, 30
# A clock that jumps over more candles than these sends only the newest of them.
LONGEST_BACKLOG = 120


def phase_ms(name: str, period_ms: int) -> int:
    """Return where in each period a stream speaks, so that not all speak at one instant."""
    return crc32(name.encode()) % period_ms


def next_turn(name: str, period_ms: int, now_ms: int) -> int:
    """Return the first instant after ``now_ms`` at which a stream speaks."""
    phase = phase_ms(name, period_ms)
    return (now_ms - phase) // period_ms * period_ms + period_ms + phase


def close_due(name: str, end_ms: int) -> int:
    """Return when the final event of a candle that ends at ``end_ms`` is sent."""
    spread = LAST_CLOSE_MS - FIRST_CLOSE_MS + 1
    return end_ms + FIRST_CLOSE_MS + crc32(f"{name}/{end_ms}".encode()) % spread


def first_open(name: str, interval: str, now_ms: int, *, still: bool) -> int:
    """Return the open time of the candle whose final event a new listener gets first.

    Args:
        name: of the stream.
        interval: of its candles.
        now_ms: when the listener came.
        still: whether the clock stands, where a candle is over the instant it ends.
    """
    if still:
        return slot_start(interval, now_ms)
    opened = slot_start(interval, now_ms - LAST_CLOSE_MS)
    end = slot_end(interval, opened)
    return end if close_due(name, end) <= now_ms else opened


def slots_over(
    name: str, interval: str, open_ms: int, now_ms: int, *, still: bool
) -> list[tuple[int, int]]:
    """Return the candles from ``open_ms`` on whose final events are due.

    Args:
        name: of the stream.
        interval: of its candles.
        open_ms: open time of the first candle without a final event.
        now_ms: the clock.
        still: whether final events come without delay.

    Returns:
        Half-open (start, end) of each, ascending, the newest ``LONGEST_BACKLOG`` at most.
    """
    step = FIXED_MS.get(interval)
    if step is not None:
        open_ms = max(open_ms, slot_start(interval, now_ms) - LONGEST_BACKLOG * step)
    over = []
    end = slot_end(interval, open_ms)
    while (end if still else close_due(name, end)) <= now_ms:
        over.append((open_ms, end))
        open_ms, end = end, slot_end(interval, end)
    return over[-LONGEST_BACKLOG:]
