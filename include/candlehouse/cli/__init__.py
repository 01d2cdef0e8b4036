"""The command line: the use cases of the DAGs for a terminal.

A new command is a module here with a click command, and an entry in `COMMANDS`. A module is
imported when its command is called, so that `--help` and `db url` do not wait for the imports
of collecting.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import click

from candlehouse.cli.common import describe_failure
from candlehouse.environment import load_env_file


class Entry(NamedTuple):
    """Location of a command, and its line in the help.

    Attributes:
        target: `module:attribute`, the module below `candlehouse.cli`.
        help: one sentence for the list of commands.
    """

    target: str
    help: str


COMMANDS: dict[str, Entry] = {
    "db": Entry("db:db", "The embedded database server: start, stop, status, url."),
    "migrate": Entry("db:migrate", "Bring the schema up to date; safe to run again."),
    "universe": Entry("universe:universe", "Which pairs are collected: refresh, show, backfill."),
    "collect": Entry("collect:collect", "Collect candles: backward, forward or gaps."),
    "import": Entry("importing:import_", "Import files of candles."),
    "reconcile": Entry("reconcile:reconcile", "Compare stored candles with REST and archive."),
    "stream": Entry("stream:stream", "Stream live candles until interrupted."),
    "status": Entry("status:status", "Show how complete each series is."),
    "alerts": Entry("alerts:alerts", "Evaluate the alerts now, and list the open ones."),
    "verify": Entry("status:verify", "Recompute coverage from the candles."),
    "validate": Entry("validate:validate", "Check stored candles against expectations."),
    "airflow": Entry("airflow:airflow", "Airflow's own command line, for the Airflow of make run."),
    "run": Entry("run:run", "Run everything: database, exchange, Airflow (make run)."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command = getattr(import_module(f"candlehouse.cli.{module}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.target} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A complete, exact and explained record of the top spot markets."""


# With Python's default of 700, garbage collection takes a tenth of a second during the imports.
_OBJECTS_BETWEEN_COLLECTIONS = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
        The reason for a failure is one line on standard error, never a stack trace.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        load_env_file()
        result = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="python -m candlehouse",
            standalone_mode=False,
        )
    except BrokenPipeError:
        # The reader of the output has closed its end, as in `candlehouse status | head`.
        sys.stderr.close()
        return 1
    except (Exception, KeyboardInterrupt) as error:
        return describe_failure(error)
    # Without standalone mode click returns the code of ctx.exit() and the like.
    return result if isinstance(result, int) else 0
