"""Binance's interval names and where their slots begin, in epoch milliseconds."""

from datetime import UTC, datetime

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS

# The epoch was a Thursday; Binance's weeks begin on Monday.
_MONDAY_MS = 4 * DAY_MS

FIXED_MS: dict[str, int] = {
    "1s": SECOND_MS,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": WEEK_MS,
}
MONTH = "1M"
INTERVALS: tuple[str, ...] = (*FIXED_MS, MONTH)


def iso_ms(text: str) -> int:
    """Return epoch milliseconds of an ISO date or date-time; UTC unless it says otherwise.

    Raises:
        ValueError: the text is not an ISO date or date-time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def moment(ms: int) -> datetime:
    """Return the aware UTC datetime of epoch milliseconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def month_start(ms: int) -> int:
    """Return the start of the calendar month (UTC) that holds ``ms``."""
    at = moment(ms)
    return iso_ms(f"{at.year:04d}-{at.month:02d}-01")


def next_month(ms: int) -> int:
    """Return the start of the calendar month after the one that holds ``ms``."""
    at = moment(ms)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return iso_ms(f"{year:04d}-{month:02d}-01")


def slot_start(interval: str, ms: int) -> int:
    """Return the open time of the slot that holds ``ms``."""
    if interval == MONTH:
        return month_start(ms)
    step = FIXED_MS[interval]
    anchor = _MONDAY_MS if interval == "1w" else 0
    return (ms - anchor) // step * step + anchor


def slot_end(interval: str, open_ms: int) -> int:
    """Return the end (exclusive) of the slot that begins at ``open_ms``."""
    return next_month(open_ms) if interval == MONTH else open_ms + FIXED_MS[interval]
