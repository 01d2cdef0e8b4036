import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click
import pytest

from candlehouse import cli as command_line
from candlehouse.cli import COMMANDS, Entry, main
from candlehouse.cli.common import Moment, Output, output_options
from candlehouse.core.errors import ConfigurationError, StorageError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes the command `migrate` end with an error."""

    def arrange(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr("candlehouse.cli.db.migrate", command)

    return arrange


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (StorageError("disk\nfull"), 1, "error: disk full"),
        (ConfigurationError("TOP=1 is wrong"), 2, "error: TOP=1 is wrong"),
        (
            click.UsageError("no such thing"),
            2,
            "error: no such thing (try python -m candlehouse migrate --help)",
        ),
        (click.Abort(), 130, "interrupted"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("a / b"), 1, "error: unexpected ZeroDivisionError: a / b"),
        (click.exceptions.Exit(7), 7, ""),
    ],
)
def test_failure_is_one_line_and_a_code(
    failing: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    line: str,
) -> None:
    failing(error)
    assert main(["migrate"]) == code
    captured = capsys.readouterr()
    assert captured.err.strip() == line
    assert captured.out == ""


def test_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 2
    assert "No such command 'nonsense'" in capsys.readouterr().err


def test_broken_env_file_stops_every_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("what is this\n")
    assert main(["--help"]) == 2
    assert ".env line 1" in capsys.readouterr().err


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


# Airflow's command line has its own options, which pass through.
@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"airflow"}))
def test_every_command_exists_and_has_the_common_options(name: str) -> None:
    module, _, attribute = COMMANDS[name].target.partition(":")
    command = getattr(import_module(f"candlehouse.cli.{module}"), attribute)
    leaves = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        options = {option for parameter in leaf.params for option in parameter.opts}
        assert {"--json", "--quiet"} <= options, leaf.name


def test_entry_that_is_no_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(command_line.COMMANDS, "odd", Entry("common:INTERRUPTED", ""))
    assert main(["odd"]) == 1


def test_output_is_json_or_text_and_quiet_drops_remarks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    @output_options
    def command(out: Output) -> None:
        out.remark("by the way")
        out.result({"at": datetime(2024, 1, 1, tzinfo=UTC)}, "first of January")

    command.main([], standalone_mode=False)
    assert capsys.readouterr() == ("first of January\n", "by the way\n")
    command.main(["--json", "--quiet"], standalone_mode=False)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"at": "2024-01-01 00:00:00+00:00"}
    assert captured.err == ""


def test_moment_is_utc_unless_it_says_otherwise() -> None:
    assert Moment()("2024-01-31T12:00") == datetime(2024, 1, 31, 12, tzinfo=UTC)
    assert Moment()("2024-01-31T12:00+02:00") == datetime(2024, 1, 31, 10, tzinfo=UTC)
    with pytest.raises(click.BadParameter, match="not a date or time"):
        Moment()("yesterday")
