"""Environment variables, read one by one, each complaint about a bad one in one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.urls import parse_base_url, show_refused_url

_T = TypeVar("_T")
_N = TypeVar("_N", int, float)


class Variables:
    """Reads variables and words the complaint about a bad one.

    Attributes:
        given: variables of URLs that were read and do not have their default.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.given: set[str] = set()

    def text(self, name: str, default: str) -> str:
        """The value without blanks around it, the default where there is none."""
        return self._environ.get(name, "").strip() or default

    def parsed(self, name: str, default: str, parse: Callable[[str], _T], allowed: str) -> _T:
        """What `parse` makes of the value.

        Raises:
            ConfigurationError: naming variable and value, and what is `allowed`.
        """
        value = self.text(name, default)
        try:
            return parse(value)
        except ValueError:
            raise ConfigurationError(f"{name}={value!r} is not allowed: {allowed}") from None

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of the words that are allowed.

        Raises:
            ConfigurationError: for any other.
        """
        value = self.text(name, default)
        if value not in allowed:
            raise ConfigurationError(f"{name}={value!r} is not allowed: {', '.join(allowed)}")
        return value

    def number(
        self, name: str, default: str, kind: Callable[[str], _N], low: float, high: float
    ) -> _N:
        """A number in a range, both ends included.

        Raises:
            ConfigurationError: for any other.
        """

        def parse(text: str) -> _N:
            number = kind(text)
            if not low <= number <= high:
                raise ValueError
            return number

        return self.parsed(name, default, parse, f"a number from {low:g} to {high:g}")

    def url(self, name: str, default: str, schemes: tuple[str, str] = ("http", "https")) -> str:
        """The base of URLs, with one of two schemes.

        Raises:
            ConfigurationError: for anything else; passwords in it are not shown.
        """
        value = self.text(name, default)
        try:
            url = parse_base_url(value, schemes)
        except ValueError:
            raise ConfigurationError(
                f"{name}={show_refused_url(value)!r} is not allowed: a {' or '.join(schemes)} URL"
                " without a query (an @ in a password is written %40)"
            ) from None
        if url != parse_base_url(default, schemes):
            self.given.add(name)
        return url

    def secret(self, name: str, default: str) -> str:
        """A key that fits into a header; a bad one is not shown."""
        value = self.text(name, default)
        if not re.fullmatch(r"[!-~]*", value):
            raise ConfigurationError(f"{name} is not allowed: printable ASCII without spaces")
        return value
