"""Reading query parameters as strictly as Binance does."""

import re
from collections.abc import Mapping

import msgspec
from multidict import MultiMapping

from exchange_sim.error_replies import ApiError

_SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
_SYMBOL = re.compile(r"[\w\-.]{1,50}")
_SYMBOLS_RANGE = r'^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,})?\]$'
_LOWER = re.compile(r"[a-z]")
_NUMBER_RANGE = "^[0-9]{1,20}$"
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_LARGEST = 2**63 - 1
# Times are accepted in microseconds too, told apart by their size.
_MICROSECONDS_FROM = 10**14


def missing(name: str) -> ApiError:
    """Return the error for a parameter that must be there."""
    return ApiError(
        -1102,
        f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
    )


def illegal(name: str, legal_range: str) -> ApiError:
    """Return the error for characters that a parameter may not have."""
    return ApiError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal_range}'."
    )


def invalid(name: str) -> ApiError:
    """Return the error for a value that is well-formed and senseless."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


class Params:
    """The query of one request; every parameter that is read is remembered.

    Args:
        query: names and values, percent-decoded.
        expected: how many parameters the endpoint takes at all; 0 refuses any.
    """

    def __init__(self, query: MultiMapping[str], expected: int | None = None) -> None:
        self._sent = len(query)
        self._values: Mapping[str, str] = query
        self._read: set[str] = set()
        if expected == 0 and self._sent:
            raise ApiError(-1101, f"Too many parameters; expected '0' and received '{self._sent}'.")
        if len(set(query.keys())) != self._sent:
            raise ApiError(-1101, "Duplicate values for a parameter detected.")

    def text(self, name: str) -> str | None:
        """Return a parameter, None if it was not sent.

        Raises:
            ApiError: -1105, it was sent empty.
        """
        value = self._values.get(name)
        if value is None:
            return None
        self._read.add(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        """Return a parameter that must be there.

        Raises:
            ApiError: -1102 or -1105.
        """
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def symbol(self, name: str = "symbol") -> str:
        """Return the symbol, which must be there and be in capitals.

        Raises:
            ApiError: -1100, -1102 or -1105.
        """
        return checked_symbol(name, self.required(name))

    def symbols(self) -> list[str] | None:
        """Return the JSON list ``symbols``, None if it was not sent.

        Raises:
            ApiError: -1100 (no list of symbols), -1151 (twice the same).
        """
        value = self.text("symbols")
        if value is None:
            return None
        try:
            names = msgspec.json.decode(value.encode(), type=list[str])
        except msgspec.DecodeError:
            names = []
        if not names:
            raise illegal("symbols", _SYMBOLS_RANGE)
        if len(set(names)) != len(names):
            raise ApiError(-1151, "Symbol is present multiple times in the list.")
        return [checked_symbol("symbols", name) for name in names]

    def integer(self, name: str) -> int | None:
        """Return a whole number from 0 up, None if it was not sent.

        Raises:
            ApiError: -1100 (not digits), -1108 (beyond 63 bits).
        """
        value = self.text(name)
        if value is None:
            return None
        if not _NUMBER.fullmatch(value):
            raise illegal(name, _NUMBER_RANGE)
        number = int(value)
        if number > _LARGEST:
            raise ApiError(-1108, f"Parameter '{name}' overflowed.")
        return number

    def limit(self, default: int, most: int) -> int:
        """Return ``limit``, clipped to what the endpoint gives at most.

        Raises:
            ApiError: -1130 for 0, and as ``integer``.
        """
        value = self.integer("limit")
        if value is None:
            return default
        if value == 0:
            raise invalid("limit")
        return min(value, most)

    def time_ms(self, name: str, *, is_start: bool) -> int | None:
        """Return a time in milliseconds, whichever unit it was sent in."""
        value = self.integer(name)
        if value is None or value < _MICROSECONDS_FROM:
            return value
        return -(-value // 1000) if is_start else value // 1000

    def finish(self) -> None:
        """Check that everything that was sent was also read.

        Raises:
            ApiError: -1104.
        """
        if len(self._read) != self._sent:
            raise ApiError(
                -1104,
                f"Not all sent parameters were read; read '{len(self._read)}' parameter(s) "
                f"but was sent '{self._sent}'.",
            )


def checked_symbol(name: str, value: str) -> str:
    """Return a symbol that has legal characters only.

    Raises:
        ApiError: -1100.
    """
    if not _SYMBOL.fullmatch(value) or _LOWER.search(value):
        raise illegal(name, _SYMBOL_RANGE)
    return value
