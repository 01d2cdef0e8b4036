"""What every command shares: its options, its output, its way to fail."""

from __future__ import annotations

import functools
import json
import logging
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

import click

from candlehouse.core.errors import CandlehouseError, ConfigurationError
from candlehouse.core.parsing import MOMENT_EXAMPLE, parse_moment

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")
_R = TypeVar("_R")

INTERRUPTED = 130
_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command writes: results to standard output, remarks to standard error.

    Attributes:
        as_json: one JSON document instead of text for people.
        quiet: no remarks.
    """

    as_json: bool
    quiet: bool

    def remark(self, text: str) -> None:
        """Says something that is not part of the result."""
        if not self.quiet:
            click.echo(text, err=True)

    def result(self, value: Mapping[str, Any] | Sequence[Any], text: str) -> None:
        """Writes the result, as `value` for machines or as `text` for people."""
        if self.as_json:
            click.echo(json.dumps(value, default=str))
        elif text:
            click.echo(text)


def output_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Gives a command `--json` and `--quiet`, and an `Output` as its argument `out`."""

    @click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
    @click.option("--quiet", "-q", is_flag=True, help="Only results and errors.")
    @functools.wraps(command)
    def wrapped(*args: Any, as_json: bool, quiet: bool, **kwargs: Any) -> _R:
        if quiet:
            logging.getLogger().setLevel(logging.ERROR)
        return command(*args, out=Output(as_json, quiet), **kwargs)

    return wrapped


class Moment(click.ParamType[datetime]):
    """An ISO date or date-time; UTC unless it says otherwise."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The aware UTC moment."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_moment(value)
        except ValueError:
            self.fail(f"{value!r} is not a date or time such as {MOMENT_EXAMPLE}", param, ctx)


def describe_failure(error: BaseException) -> int:
    """Says in one line why a command ends; gives its exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        usage = isinstance(error, click.UsageError) and error.ctx is not None
        hint = f" (try {error.ctx.command_path} --help)" if usage else ""  # type: ignore[attr-defined]
        click.echo(f"error: {_one_line(error.format_message())}{hint}", err=True)
        return error.exit_code
    if isinstance(error, CandlehouseError):
        click.echo(f"error: {_one_line(str(error))}", err=True)
        return 2 if isinstance(error, ConfigurationError) else 1
    # A mistake of ours. The trace is for developers: logging at level DEBUG shows it.
    _log.debug("unexpected", exc_info=error)
    click.echo(f"error: unexpected {type(error).__name__}: {_one_line(str(error))}", err=True)
    return 1


def _one_line(text: str) -> str:
    # A failed statement brings its whole text along.
    return textwrap.shorten(text, _LONGEST_REASON, placeholder=" ...")
