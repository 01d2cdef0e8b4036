"""The header that switches timestamps in replies to microseconds."""

from aiohttp import web

from exchange_sim.error_replies import ApiError

_HEADER = "X-MBX-TIME-UNIT"


def wants_microseconds(request: web.Request) -> bool:
    """Return whether the client asked for microseconds.

    Raises:
        ApiError: -1194, the header has another value.
    """
    return is_microseconds(request.headers.get(_HEADER))


def is_microseconds(value: str | None) -> bool:
    """Return whether a unit that a client named, if any, is the microsecond.

    Raises:
        ApiError: -1194, it is neither of the two there are.
    """
    if value is None:
        return False
    unit = value.upper()
    if unit not in ("MICROSECOND", "MILLISECOND"):
        raise ApiError(
            -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
        )
    return unit == "MICROSECOND"


def time_factor(request: web.Request) -> int:
    """Return what a time in milliseconds must be multiplied by for this client."""
    return 1000 if wants_microseconds(request) else 1
