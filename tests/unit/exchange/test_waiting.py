from __future__ import annotations

from email.utils import formatdate

import pytest

from candlehouse.exchange.waiting import find_closed_s, read_wait_s

NOW_S = 1_700_000_000
UNTIL = "Way too much request weight used; IP banned until {}. Please use WebSocket Streams."
DAYS_3 = 3 * 86_400


def date(seconds: float) -> str:
    return formatdate(NOW_S + seconds, usegmt=True)


def until(seconds: float) -> str:
    return UNTIL.format(round((NOW_S + seconds) * 1000))


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, "", None),
        ({"retry-after": "soon"}, "until tomorrow", None),
        ({"retry-after": "7"}, "", 7),
        ({"retry-after": " 7 "}, "", 7),
        ({"retry-after": "0"}, "", 1),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "99999999999"}, "", DAYS_3),
        ({"retry-after": date(90)}, "", 90),
        ({"retry-after": date(-90)}, "", 1),
        ({"retry-after": "Sun, 06 Nov 9994 08:49:37 GMT"}, "", DAYS_3),
        ({"retry-after": "Sun, 99 Nov 1994 08:49:37 GMT"}, "", None),
        # The server's clock is an hour ahead: its dates are compared with its own.
        ({"retry-after": date(3690), "date": date(3600)}, "", 90),
        ({"date": date(3600)}, until(3690), 90),
        ({}, until(7200), 7200),
        ({}, until(-7200), 1),
        ({"retry-after": "60"}, until(7200), 7200),
        ({"retry-after": "7200"}, until(60), 7200),
        # No moment in milliseconds.
        ({}, "until 1700000060", None),
    ],
)
def test_latest_of_what_is_said_counts(
    headers: dict[str, str], body: str, expected: float | None
) -> None:
    assert read_wait_s(headers, body, NOW_S) == expected


@pytest.mark.parametrize(
    ("status", "limit_exceeded", "wait_s", "expected"),
    [
        (429, False, 7, 7),
        (429, False, None, 60),
        (400, True, None, 60),
        (418, True, 7200, 7200),
        # No ban is shorter.
        (418, False, None, 120),
        (403, False, 30, 30),
        (403, False, None, None),
        (503, False, 30, None),
        (404, False, 30, None),
    ],
)
def test_limits_bans_and_firewalls_that_count_close_the_gate(
    status: int, limit_exceeded: bool, wait_s: float | None, expected: float | None
) -> None:
    assert find_closed_s(status, wait_s, limit_exceeded) == expected
