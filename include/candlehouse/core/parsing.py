"""What people write in settings, options and forms: moments, durations and symbols."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_YEARS = range(1970, 2200)
_SYMBOL = re.compile(r"[\w.-]{1,50}")
_DURATION = re.compile(r"(\d+)([smhd])")
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

# What complaints about a bad moment show.
MOMENT_EXAMPLE = "2024-01-31T12:00, in the years 1970 to 2199"


def parse_moment(text: str) -> datetime:
    """An ISO date or date-time as an aware UTC moment; UTC unless it says otherwise.

    Raises:
        ValueError: when it is neither, or lies outside the years 1970 to 2199.
    """
    moment = datetime.fromisoformat(text)
    # Candles have no other years, and moments at the ends of the calendar cannot be rounded.
    if moment.year not in _YEARS:
        raise ValueError(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_duration(text: str) -> timedelta:
    """A whole number with a unit (s, m, h, d): `10m` is ten minutes.

    Raises:
        ValueError: for anything else.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})


def parse_symbol(text: str) -> str:
    """A symbol, or the name of an asset, without the blanks around it.

    Raises:
        ValueError: when it could not be a symbol (lower case, a slash), and why.
    """
    symbol = text.strip()
    # The exchange's own legal range: word characters, no lower case, at most 50.
    if not _SYMBOL.fullmatch(symbol):
        raise ValueError(f"{symbol!r} is not a symbol such as BTCUSDT")
    if symbol != symbol.upper():
        raise ValueError(
            f"{symbol!r} is not a symbol: they are written in capitals, {symbol.upper()}"
        )
    return symbol


def parse_symbols(text: str) -> tuple[str, ...]:
    """Distinct symbols of a comma list, in its order; the empty text has none.

    Raises:
        ValueError: when one could not be a symbol (lower case, a slash); the text says which
            and why.
    """
    return tuple(dict.fromkeys(parse_symbol(part) for part in text.split(",") if part.strip()))
