"""The environment of every Airflow process, built in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from candlehouse.settings import Settings
from candlehouse.stack.secrets import ADMIN, Secrets, ensure_secrets
from candlehouse.storage import embedded
from candlehouse.storage.database.database_url import parse_database_url

# dags/, plugins/ and include/ lie beside each other.
PROJECT = Path(__file__).resolve().parents[3]
_LOGGING_CONFIG = "candlehouse_airflow.runtime.log_reading.LOGGING_CONFIG"
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class AirflowPlace:
    """Folder, port and databases of this Airflow.

    Attributes:
        home: AIRFLOW_HOME, a folder below CANDLEHOUSE_HOME.
        port: of the web pages and the API, on 127.0.0.1.
        metadata_url: libpq URL of its metadata database.
        warehouse_url: libpq URL of the warehouse, so that tasks need not start the server.
    """

    home: Path
    port: int
    metadata_url: str
    warehouse_url: str

    @property
    def web_url(self) -> str:
        """URL of the web pages."""
        return f"http://{_HOST}:{self.port}"

    @property
    def login_file(self) -> Path:
        """File in which Airflow looks up passwords."""
        return self.home / "passwords.json"


def find_place(settings: Settings, server: embedded.Server) -> AirflowPlace:
    """The Airflow of these settings, with its metadata in the embedded server."""
    return AirflowPlace(
        settings.home / "airflow",
        settings.airflow_port,
        server.url("airflow"),
        settings.database_url or server.url("owner"),
    )


def find_secrets(settings: Settings) -> Secrets:
    """Keys and password of this Airflow, generated at the first call.

    Raises:
        ConfigurationError: when their file is damaged.
    """
    return ensure_secrets(settings.home / "secrets.json")


def build_environment(
    inherited: Mapping[str, str], place: AirflowPlace, secrets: Secrets
) -> dict[str, str]:
    """The whole environment of an Airflow process.

    What says where this Airflow lives wins over what is inherited: another Airflow's
    variables in a person's shell must not make this one write there. Tuning is only a
    default that `.env` may change.
    """
    return {
        **_tuning(),
        **inherited,
        **_identity(place, secrets),
        **bypass_proxy(inherited),
    }


def _identity(place: AirflowPlace, secrets: Secrets) -> dict[str, str]:
    metadata = parse_database_url(place.metadata_url)
    return {
        "AIRFLOW_HOME": str(place.home),
        "PYTHONPATH": str(PROJECT / "include"),
        "CANDLEHOUSE_HOME": str(place.home.parent),
        "CANDLEHOUSE_DATABASE_URL": place.warehouse_url,
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{place.web_url}/execution/",
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(place.login_file),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.render_as_string(hide_password=False),
        "AIRFLOW__API__HOST": _HOST,
        "AIRFLOW__API__PORT": str(place.port),
        "AIRFLOW__API__BASE_URL": place.web_url,
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(place.home / "logs"),
        "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS": _LOGGING_CONFIG,
        # Nothing about the use of this Airflow, or of the validation library, is sent anywhere.
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SCARF_ANALYTICS": "false",
        "GX_ANALYTICS_ENABLED": "false",
    }


def _tuning() -> dict[str, str]:
    return {
        "AIRFLOW__CORE__PARALLELISM": "12",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # Its default asks the network for a name, which can hang without one.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        # A new or changed DAG file shows up within seconds. One that is as it was says the
        # same again, however often it is read.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "2",
        # Each look is a dozen queries. A run begins up to so much later than it could.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "2",
        "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "600",
        "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "60",
        # A task whose process was killed is noticed after one minute instead of five.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "20",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "60",
        # A restart of the api-server may take as long as four lost heartbeats.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "15",
        "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "4",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        # What its libraries will do otherwise some day would be in the log of every task.
        "PYTHONWARNINGS": "ignore::DeprecationWarning,ignore:Using `httpx`",
        "PYTHONUNBUFFERED": "1",
    }


def with_plugins(environment: Mapping[str, str]) -> dict[str, str]:
    """The same for a program of the plugins folder, which is not one of Airflow's own."""
    path = os.pathsep.join(
        (environment["PYTHONPATH"], environment["AIRFLOW__CORE__PLUGINS_FOLDER"])
    )
    return {**environment, "PYTHONPATH": path}


def bypass_proxy(inherited: Mapping[str, str]) -> dict[str, str]:
    """Tasks talk to the api-server over loopback, which no proxy can reach."""
    names = ("no_proxy", "NO_PROXY")
    present = next((inherited[name] for name in names if inherited.get(name)), "")
    value = ",".join(filter(None, (present, _HOST, "localhost")))
    return dict.fromkeys(names, value)
