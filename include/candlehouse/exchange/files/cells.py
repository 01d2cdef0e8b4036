"""Single cells of a file: numbers and times, read exactly or not at all.

A text that can be meant in two ways, such as `1,234` or `01/02/2024`, is not understood.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from candlehouse.core.timeframe import EPOCH, to_ms

# The exchange opened in 2017: what lies before is a mistake, and so is what lies far ahead.
# In this range seconds, milliseconds, microseconds and nanoseconds are told by their size.
EARLIEST = datetime(2017, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_SECONDS = range(
    (EARLIEST - EPOCH) // timedelta(seconds=1), (_LATEST - EPOCH) // timedelta(seconds=1)
)
_MS_DIGITS = 13
_UNITS = (1, 10**3, 10**6, 10**9)
_EPOCH = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9}))?")
# A day and a month in words of digits may be meant either way round, unless the year is first.
_YEAR_FIRST = re.compile(r"[0-9]{4}(-?)[0-9]{2}\1[0-9]{2}(?:[T ].*)?")
_SLASHES = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})(?=$|[T ])")

_POINT = re.compile(r"[0-9]{0,40}(?:\.[0-9]{0,40})?")
_EXPONENT = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?[eE][+-]?[0-9]{1,2}")
# Groups of three digits: with a point behind them, or more than one of them.
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+\.[0-9]{1,40}|(?:,[0-9]{3}){2,})")
_BLANKS = re.compile(r"[1-9][0-9]{0,2}(?:[ '\u00a0\u202f][0-9]{3})+(?:\.[0-9]{1,40})?")
# A comma that cannot stand before a group of three, and points that can.
_COMMA = re.compile(r"(?:0|[0-9]{4,40}),[0-9]{1,40}|[0-9]{1,40},(?:[0-9]{1,2}|[0-9]{4,40})")
_COMMA_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]{1,40}")


def has_decimal_comma(text: str) -> bool:
    """Whether a text is a number whose comma can only stand before its decimals."""
    return bool(_COMMA.fullmatch(text) or _COMMA_GROUPED.fullmatch(text))


def read_number(text: str, decimal_comma: bool = False) -> str | None:
    """Digits with a point, of a number as people and programs write it; no digit is lost.

    Args:
        text: of the cell, without blanks around it.
        decimal_comma: whether other cells of its table have one.

    Returns:
        None for what is no number, has a sign, or can be meant in two ways.
    """
    if decimal_comma:
        if has_decimal_comma(text):
            return text.replace(".", "").replace(",", ".")
        return text if text.isdecimal() and text.isascii() else None
    if _GROUPED.fullmatch(text) or _BLANKS.fullmatch(text):
        return re.sub("[ ,'\u00a0\u202f]", "", text)
    if _EXPONENT.fullmatch(text):
        return format(Decimal(text), "f")
    if text in ("", ".") or not _POINT.fullmatch(text):
        return None
    whole, point, decimals = text.partition(".")
    return (whole or "0") + (point + decimals if decimals else "")


def read_count(text: str) -> str | None:
    """Digits of a whole number, which programs may have written with a fraction of zeros."""
    number = read_number(text)
    if number is None:
        return None
    whole, _, decimals = number.partition(".")
    return None if decimals.strip("0") else whole


def read_moment(text: str) -> datetime | None:
    """The moment that a text says: since the epoch, or a date and time that begin with a year.

    It is UTC unless it says otherwise. Nanoseconds are cut off.
    """
    if (found := _EPOCH.fullmatch(text)) and (moment := _since_epoch(int(found[1]), found[2])):
        return moment
    text = _SLASHES.sub(r"\1-\2-\3", text.removesuffix(" UTC"))
    if not _YEAR_FIRST.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return moment if EARLIEST <= moment < _LATEST else None


def read_milliseconds(text: str) -> int | None:
    """The moment that a text says, in whole milliseconds since the epoch."""
    # What nearly all files have.
    if len(text) == _MS_DIGITS and text.isascii() and text.isdigit():
        number = int(text)
        return number if number // 1000 in _SECONDS else None
    moment = read_moment(text)
    return None if moment is None else to_ms(moment)


def _since_epoch(number: int, fraction: str | None) -> datetime | None:
    for unit in _UNITS:
        if number // unit in _SECONDS:
            if fraction is not None and unit > 1:
                # As programs write whole numbers that went through a float.
                return None if fraction.strip("0") else _since_epoch(number, None)
            micros = number * 10**6 // unit + int((fraction or "").ljust(6, "0")[:6])
            return EPOCH + timedelta(microseconds=micros)
    return None
