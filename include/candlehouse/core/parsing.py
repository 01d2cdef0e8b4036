"""Parses what people write in settings, options and forms: moments, durations and symbols."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_YEARS = range(1970, 2200)
_SYMBOL = re.compile(r"[\w.-]{1,50}")
_DURATION = re.compile(r"(\d+)([smhd])")
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

# Shown in error messages about an invalid moment.
MOMENT_EXAMPLE = "2024-01-31T12:00, in the years 1970 to 2199"


def parse_moment(text: str) -> datetime:
    """Parses an ISO date or date-time into an aware UTC moment; without an offset it is UTC.

    Raises:
        ValueError: when the text is neither, or the year is not in 1970 to 2199.
    """
    moment = datetime.fromisoformat(text)
    # No candles exist in other years, and moments at the calendar's ends cannot be rounded.
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
    """Parses a symbol, or the name of an asset, and strips surrounding blanks.

    Raises:
        ValueError: when the text cannot be a symbol (lower case, a slash); the message says why.
    """
    symbol = text.strip()
    # As the exchange allows: word characters, dots and dashes, no lower case, at most 50.
    if not _SYMBOL.fullmatch(symbol):
        raise ValueError(f"{symbol!r} is not a symbol such as BTCUSDT")
    if symbol != symbol.upper():
        raise ValueError(f"{symbol!r} is not a symbol: symbols are upper case, {symbol.upper()}")
    return symbol


def parse_symbols(text: str) -> tuple[str, ...]:
    """Distinct symbols of a comma-separated list, in its order; none for an empty text.

    Raises:
        ValueError: when a part cannot be a symbol; the message names the part and says why.
    """
    return tuple(dict.fromkeys(parse_symbol(part) for part in text.split(",") if part.strip()))
