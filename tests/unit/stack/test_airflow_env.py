import subprocess
import sys
from pathlib import Path

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.stack.airflow_env import AirflowPlace, build_environment
from candlehouse.stack.secrets import ensure_secrets, write_login

PLACE = AirflowPlace(
    Path("/data/home/airflow"), 8181, "postgresql://airflow:a@127.0.0.1:5/airflow", "postgresql://w"
)


def build(inherited: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return build_environment(inherited, PLACE, ensure_secrets(tmp_path / "secrets.json"))


def test_environment_keeps_to_loopback_and_asks_for_a_login(tmp_path: Path) -> None:
    environment = build({}, tmp_path)
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8181"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == (
        "http://127.0.0.1:8181/execution/"
    )
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == (
        "postgresql+psycopg2://airflow:a@127.0.0.1:5/airflow"
    )
    assert Path(environment["AIRFLOW__CORE__PLUGINS_FOLDER"]).name == "plugins"
    assert Path(environment["PYTHONPATH"], "candlehouse").is_dir()
    assert environment["CANDLEHOUSE_HOME"] == "/data/home"


def test_another_airflow_of_the_shell_loses_but_tuning_wins(tmp_path: Path) -> None:
    environment = build(
        {
            "AIRFLOW_HOME": "/other",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://other",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "TIMEFRAMES": "1h",
        },
        tmp_path,
    )
    assert environment["AIRFLOW_HOME"] == "/data/home/airflow"
    assert "other" not in environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "3"
    assert environment["TIMEFRAMES"] == "1h"


def test_logs_are_read_from_the_disk_and_free_of_what_libraries_announce(tmp_path: Path) -> None:
    environment = build({}, tmp_path)
    reading = environment["AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS"]
    module, _, _ = reading.rpartition(".")
    plugins = Path(environment["AIRFLOW__CORE__PLUGINS_FOLDER"])
    assert (plugins / f"{module.replace('.', '/')}.py").exists()
    program = "import warnings; warnings.warn('old', DeprecationWarning); print(1)"
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONWARNINGS": environment["PYTHONWARNINGS"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (said.stdout, said.stderr) == ("1\n", "")


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_loopback_never_goes_through_a_proxy(tmp_path: Path, name: str) -> None:
    environment = build({name: "intranet"}, tmp_path)
    assert environment["no_proxy"] == environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_secrets_are_made_once_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = ensure_secrets(path)
    assert ensure_secrets(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert len({first.fernet_key, first.jwt_secret, first.api_secret_key}) == 3
    login = tmp_path / "login.json"
    write_login(login, first.admin_password)
    assert login.stat().st_mode & 0o777 == 0o600
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match="damaged"):
        ensure_secrets(path)
