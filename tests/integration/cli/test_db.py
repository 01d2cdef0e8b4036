import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from candlehouse.cli import main
from candlehouse.settings import load_settings
from candlehouse.storage import embedded
from support.servers.commands import Command


@pytest.fixture
def _home(server_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANDLEHOUSE_HOME", str(server_home))
    monkeypatch.delenv("CANDLEHOUSE_DATABASE_URL", raising=False)
    yield
    embedded.stop(load_settings({"CANDLEHOUSE_HOME": str(server_home)}))


@pytest.mark.usefixtures("_home")
def test_server_from_start_to_stop(command: Command) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        code, out, err = command(*arguments)
        assert err == ""
        return code, out.strip()

    assert run("db", "status") == (1, "not running")
    code, text = run("migrate", "--json")
    assert code == 0
    assert json.loads(text)["migrations"]
    assert run("migrate") == (0, "up to date")
    code, text = run("db", "start", "--json")
    assert (code, json.loads(text)["started"]) == (0, False)
    assert run("db", "status")[1].startswith("running on 127.0.0.1:")
    code, url = run("db", "url", "--role", "analyst")
    assert code == 0
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM market.candles")
        assert cursor.fetchone() == (0,)
    assert run("db", "stop") == (0, "stopped")
    assert run("db", "stop") == (0, "was not running")


@pytest.mark.usefixtures("_home")
def test_server_named_by_the_environment_is_not_managed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDLEHOUSE_DATABASE_URL", "postgresql+psycopg2://me:pw@db:5433/w")
    assert main(["db", "url"]) == 0
    assert capsys.readouterr().out == "postgresql://me:pw@db:5433/w\n"
    for command in (["db", "start"], ["db", "stop"], ["db", "url", "--role", "analyst"]):
        assert main(command) == 2
        assert "names another server" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("status",), ("verify",), ("alerts",)])
def test_a_warehouse_that_was_not_migrated_is_said_to_be_so(
    command: Command,
    empty_database: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setenv("CANDLEHOUSE_DATABASE_URL", empty_database())
    code, out, err = command(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: relation ")
    assert err.endswith("bring the schema up to date, `candlehouse migrate`\n")


def test_without_a_command_the_help_is_shown(command: Command) -> None:
    code, _, err = command()
    assert code == 2
    assert "\nCommands:\n" in err
