"""How long a server asks not to be called, from the headers and body of its response."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

# Seconds to wait when the response does not say. The window of a limit is one minute, and the
# shortest ban is two minutes.
_LIMIT_S = 60.0
_BAN_S = 120.0
# The longest ban is three days: a longer wait means that a clock is wrong.
_LONGEST_S = 3 * 86_400.0
# A moment that has just passed does not allow a request at once.
_SHORTEST_S = 1.0
_FORBIDDEN, _BANNED, _TOO_MANY = 403, 418, 429
# "Way too much request weight used; IP banned until 1573132800000. Please use ..."
_UNTIL = re.compile(r"\buntil (\d{13})\b")


def read_wait_s(headers: Mapping[str, str], body: str, here_s: float) -> float | None:
    """Seconds for which a response asks not to be called.

    Retry-After may be seconds or a date, and a ban may state its end in the body alone. The
    latest of these moments counts; dates are compared with the server's own clock.

    Args:
        headers: by names in lower case.
        body: the text as received, or its beginning.
        here_s: this machine's clock in seconds since 1970, for responses without a date.

    Returns:
        From one second to three days; None when the response does not say.
    """
    now_s = _read_date(headers.get("date", "")) or here_s
    said = [_read_retry_after(headers.get("retry-after", "").strip(), now_s)]
    said += [int(text) / 1000 - now_s for text in _UNTIL.findall(body)]
    known = [seconds for seconds in said if seconds is not None]
    return min(max(_SHORTEST_S, *known), _LONGEST_S) if known else None


def find_closed_s(status: int, wait_s: float | None, limit_exceeded: bool = False) -> float | None:
    """Seconds for which the exchange's gate is closed after a response; None when it is open.

    Args:
        status: HTTP status of the response.
        wait_s: as returned by `read_wait_s`.
        limit_exceeded: whether the body reports an exceeded limit, whatever the status.
    """
    if status == _BANNED:
        return wait_s or _BAN_S
    if status == _TOO_MANY or limit_exceeded:
        return wait_s or _LIMIT_S
    # A firewall (403) that states a wait counts requests; without a wait it is another refusal.
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
        # A date without a zone is in UTC, as HTTP requires.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
