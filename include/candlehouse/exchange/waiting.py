"""How long a server wants to be left alone, whoever asked it and however it says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

# Seconds: what to wait when nothing is said. A limit's window is a minute, and no ban is
# shorter than two.
_LIMIT_S = 60.0
_BAN_S = 120.0
# No ban is longer than three days: what asks for more is a mistake of somebody's clock.
_LONGEST_S = 3 * 86_400.0
# A moment that has just passed is no leave to ask at once.
_SHORTEST_S = 1.0
_FORBIDDEN, _BANNED, _TOO_MANY = 403, 418, 429
# "Way too much request weight used; IP banned until 1573132800000. Please use ..."
_UNTIL = re.compile(r"\buntil (\d{13})\b")


def read_wait_s(headers: Mapping[str, str], body: str, here_s: float) -> float | None:
    """Seconds for which an answer asks to be left alone.

    Retry-After may be seconds or a date, and a ban may tell its end in the body alone. The
    latest of what is said counts; moments are compared with the server's own clock.

    Args:
        headers: by names in lower case.
        body: the text as received, or its beginning.
        here_s: this machine's clock, in seconds since 1970, for answers without a date.

    Returns:
        From a second to three days; None when nothing is said.
    """
    now_s = _read_date(headers.get("date", "")) or here_s
    said = [_read_retry_after(headers.get("retry-after", "").strip(), now_s)]
    said += [int(text) / 1000 - now_s for text in _UNTIL.findall(body)]
    known = [seconds for seconds in said if seconds is not None]
    return min(max(_SHORTEST_S, *known), _LONGEST_S) if known else None


def choose_closed_s(status: int, wait_s: float | None, told_too_many: bool = False) -> float | None:
    """Seconds for which an exchange's gate is closed after an answer; None when it is open.

    Args:
        status: of the answer.
        wait_s: what it asks for, if it says so.
        told_too_many: whether its body says that too much was asked, whatever the status.
    """
    if status == _BANNED:
        return wait_s or _BAN_S
    if status == _TOO_MANY or told_too_many:
        return wait_s or _LIMIT_S
    # A firewall that says for how long is one that counts requests.
    return wait_s if status == _FORBIDDEN else None


def _read_retry_after(text: str, now_s: float) -> float | None:
    if text.isascii() and text.isdigit():
        return float(text)
    moment_s = _read_date(text)
    return None if moment_s is None else moment_s - now_s


def _read_date(text: str) -> float | None:
    """An HTTP date in seconds since 1970."""
    try:
        moment = parsedate_to_datetime(text)
        # One without a zone is in UTC, as every HTTP date has to be.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
