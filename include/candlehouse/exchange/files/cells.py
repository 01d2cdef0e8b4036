"""Parses single cells of a file: numbers and times, exactly or not at all.

A text with two possible meanings, such as `1,234` or `01/02/2024`, is rejected.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from candlehouse.core.timeframe import EPOCH, to_ms

# The exchange opened in 2017: earlier times are mistakes, and so are times far in the future.
# In this range seconds, milliseconds, microseconds and nanoseconds differ in magnitude.
EARLIEST = datetime(2017, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_SECONDS = range(
    (EARLIEST - EPOCH) // timedelta(seconds=1), (_LATEST - EPOCH) // timedelta(seconds=1)
)
_MS_DIGITS = 13
_UNITS = (1, 10**3, 10**6, 10**9)
_EPOCH = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9}))?")
# The order of day and month is only certain when the year is first.
_YEAR_FIRST = re.compile(r"[0-9]{4}(-?)[0-9]{2}\1[0-9]{2}(?:[T ].*)?")
_SLASHES = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})(?=$|[T ])")

_POINT = re.compile(r"[0-9]{0,40}(?:\.[0-9]{0,40})?")
_EXPONENT = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?[eE][+-]?[0-9]{1,2}")
# Thousands separators: groups of three digits before a point, or at least two groups.
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+\.[0-9]{1,40}|(?:,[0-9]{3}){2,})")
_BLANKS = re.compile(r"[1-9][0-9]{0,2}(?:[ '\u00a0\u202f][0-9]{3})+(?:\.[0-9]{1,40})?")
# A decimal comma: not followed by exactly three digits, or after points as separators.
_COMMA = re.compile(r"(?:0|[0-9]{4,40}),[0-9]{1,40}|[0-9]{1,40},(?:[0-9]{1,2}|[0-9]{4,40})")
_COMMA_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]{1,40}")


def has_decimal_comma(text: str) -> bool:
    """Whether a text is a number in which the comma can only be a decimal separator."""
    return bool(_COMMA.fullmatch(text) or _COMMA_GROUPED.fullmatch(text))


def read_number(text: str, decimal_comma: bool = False) -> str | None:
    """A number as digits with a decimal point; no digit is lost.

    Args:
        text: of the cell, without surrounding blanks.
        decimal_comma: whether other cells of the table have a decimal comma.

    Returns:
        None for a text that is not a number, has a sign, or has two possible meanings.
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
    """A whole number as digits; a fraction of zeros is accepted. None for any other text."""
    number = read_number(text)
    if number is None:
        return None
    whole, _, decimals = number.partition(".")
    return None if decimals.strip("0") else whole


def read_moment(text: str) -> datetime | None:
    """The moment that a text states: a number since the epoch, or a date that begins with the year.

    Without an offset the moment is UTC. Nanoseconds are cut off.

    Returns:
        None for any other text, and outside the years 2017 to 2199.
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
    """The moment that a text states, in milliseconds since the epoch; None as `read_moment`."""
    # The fast path, for nearly all files.
    if len(text) == _MS_DIGITS and text.isascii() and text.isdigit():
        number = int(text)
        return number if number // 1000 in _SECONDS else None
    moment = read_moment(text)
    return None if moment is None else to_ms(moment)


def _since_epoch(number: int, fraction: str | None) -> datetime | None:
    for unit in _UNITS:
        if number // unit in _SECONDS:
            if fraction is not None and unit > 1:
                # Programs write whole numbers with a fraction of zeros after a conversion to float.
                return None if fraction.strip("0") else _since_epoch(number, None)
            micros = number * 10**6 // unit + int((fraction or "").ljust(6, "0")[:6])
            return EPOCH + timedelta(microseconds=micros)
    return None
