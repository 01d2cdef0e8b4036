"""The options `--symbols` and `--timeframes`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.parsing import parse_symbols
from candlehouse.core.timeframe import Timeframe, parse_timeframes

_R = TypeVar("_R")


class SymbolList(click.ParamType[tuple[str, ...]]):
    """A parameter that is a comma-separated list of symbols."""

    name = "symbols"

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        """Parses the text to distinct symbols in their order; an empty list is refused."""
        if isinstance(value, tuple):
            return value
        try:
            symbols = parse_symbols(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not symbols:
            # Only leaving the option out means the whole universe.
            self.fail("no symbol is named, such as BTCUSDT,ETHUSDT", param, ctx)
        return symbols


class TimeframeList(click.ParamType[tuple[Timeframe, ...]]):
    """A parameter that is a comma-separated list of timeframes."""

    name = "timeframes"

    def convert(
        self,
        value: str | tuple[Timeframe, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[Timeframe, ...]:
        """Parses the text to distinct timeframes in their order; an empty list is refused."""
        if isinstance(value, tuple):
            return value
        try:
            found = parse_timeframes(part.strip() for part in value.split(",") if part.strip())
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)
        if not found:
            self.fail("no timeframe is named, such as 5m,1h", param, ctx)
        return found


def series_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Adds the options `--symbols` and `--timeframes`; empty tuples when left out."""
    command = click.option("--timeframes", type=TimeframeList(), default=(), help="Such as 5m,1h.")(
        command
    )
    return click.option(
        "--symbols", type=SymbolList(), default=(), help="Such as BTCUSDT,ETHUSDT."
    )(command)
