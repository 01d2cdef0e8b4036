import os
import subprocess
import sys
from pathlib import Path

import pytest

from candlehouse.cli import main
from candlehouse.settings import load_settings
from candlehouse.storage import embedded

VALUE_OF = ("config", "get-value", "database")


def test_without_a_run_it_says_what_to_start(
    server_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CANDLEHOUSE_HOME", str(server_home))
    assert main(["airflow", "dags", "list"]) == 1
    assert capsys.readouterr().err == (
        f"error: no Airflow runs in {server_home}: start it with make run\n"
    )


def test_it_is_airflows_own_command_line_on_the_runs_metadata(server_home: Path) -> None:
    settings = load_settings({"CANDLEHOUSE_HOME": str(server_home)})
    server = embedded.start(settings)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "candlehouse", "airflow", *VALUE_OF, "sql_alchemy_conn"],
            env={**os.environ, "CANDLEHOUSE_HOME": str(server_home)},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        embedded.stop(settings)
    url = server.url("airflow").replace("postgresql://", "postgresql+psycopg2://")
    assert result.stdout.splitlines()[-1] == url
