"""Shared by all commands: output options, time parameters, and the report of failures."""

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
        as_json: write results as one JSON document instead of text.
        quiet: write no remarks.
    """

    as_json: bool
    quiet: bool

    def remark(self, text: str) -> None:
        """Writes a line that is not part of the result, unless the output is quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def result(self, value: Mapping[str, Any] | Sequence[Any], text: str) -> None:
        """Writes the result: `value` as JSON, or else `text`.

        Args:
            value: converted by `json.dumps`; other types, such as datetimes, by `str`.
            text: for people; nothing is written when empty.
        """
        if self.as_json:
            click.echo(json.dumps(value, default=str))
        elif text:
            click.echo(text)


def output_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Adds the options `--json` and `--quiet`; the command gets an `Output` as argument `out`."""

    @click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
    @click.option("--quiet", "-q", is_flag=True, help="Only results and errors.")
    @functools.wraps(command)
    def wrapped(*args: Any, as_json: bool, quiet: bool, **kwargs: Any) -> _R:
        if quiet:
            logging.getLogger().setLevel(logging.ERROR)
        return command(*args, out=Output(as_json, quiet), **kwargs)

    return wrapped


class Moment(click.ParamType[datetime]):
    """A parameter that is an ISO date or date-time; UTC unless it has an offset."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Parses the text to an aware datetime in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_moment(value)
        except ValueError:
            self.fail(f"{value!r} is not a date or time such as {MOMENT_EXAMPLE}", param, ctx)


def describe_failure(error: BaseException) -> int:
    """Writes in one line to standard error why a command failed.

    Returns:
        The exit code: 1 failed, 2 wrong usage or configuration, 130 interrupted; the code of
        an explicit exit.
    """
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
    # A bug. The trace is for developers: logging at level DEBUG shows it.
    _log.debug("the command failed unexpectedly", exc_info=error)
    click.echo(f"error: unexpected {type(error).__name__}: {_one_line(str(error))}", err=True)
    return 1


def _one_line(text: str) -> str:
    # The message of a failed SQL statement contains the whole statement.
    return textwrap.shorten(text, _LONGEST_REASON, placeholder=" ...")
