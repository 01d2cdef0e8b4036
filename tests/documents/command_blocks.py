"""Parts of the reference that come from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from candlehouse.cli import cli
from documents.code_blocks import render_table as render_rows

_PROGRAM = "python -m candlehouse"
_WIDTH = 88


def walk_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group: its words (`db start`), and itself."""
    yield from _walk(cli, [])


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words name, and the words that are its arguments.

    Raises:
        LookupError: when there is no such command.
    """
    command: click.Command = cli
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            break
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            raise LookupError(f"there is no command {words[0]!r}")
        command, words = found, words[1:]
    return command, words


def check_arguments(command: click.Command, arguments: list[str]) -> None:
    """Parses arguments without converting their values.

    Raises:
        click.UsageError: when the command has no such option.
    """
    context = click.Context(command, info_name=command.name, parent=_open_root())
    if not context.ignore_unknown_options:
        command.make_parser(context).parse_args(list(arguments))


def _open_root() -> click.Context:
    """The program's own context: a command keeps the help option of its first context."""
    return click.Context(cli, info_name=_PROGRAM, max_content_width=_WIDTH, **cli.context_settings)


def render_table() -> str:
    """A line per command: how it is called, and what it does."""
    rows = [
        (f"`{_usage(words, command)}`", command.get_short_help_str(limit=200))
        for words, command in walk_commands()
    ]
    return render_rows(("command", "does"), rows)


def render_help() -> str:
    """What `--help` of every command says."""
    parts = []
    for words, command in walk_commands():
        context = click.Context(command, info_name=words, parent=_open_root())
        context.terminal_width = _WIDTH
        parts.append(f"### {words}\n\n```text\n{command.get_help(context)}\n```")
    return "\n" + "\n\n".join(parts) + "\n"


def _walk(group: click.Group, before: list[str]) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from _walk(command, [*before, name])
        else:
            yield " ".join([*before, name]), command


def _usage(words: str, command: click.Command) -> str:
    """The command with its arguments and its own options."""
    shared = {"as_json", "quiet"}
    parts = [words]
    for param in command.params:
        if isinstance(param, click.Argument):
            parts.append(_argument(param))
        elif param.name not in shared:
            parts.append(f"[{param.opts[0]}]")
    return " ".join(parts)


def _argument(param: click.Argument) -> str:
    if isinstance(param.type, click.Choice):
        return "|".join(str(choice) for choice in param.type.choices)
    return param.metavar or "..."
