"""Airflow's programs: preparing the metadata, the parts to keep running, their health."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candlehouse.stack.supervisor import Part

_AIRFLOW = (sys.executable, "-m", "airflow")
# The asset that stands for a snapshot, which fill_gaps follows.
UNIVERSE = "universe"
SCHEDULER = "scheduler"
_HEALTH = "/api/v2/monitor/health"
_TASKS_HEALTH = "/execution/health"
_WARM_UP_S = 120.0
_REPORTING = ("metadatabase", "scheduler", "triggerer", "dag_processor")


def prepare_command(pools_file: Path) -> tuple[str, ...]:
    """Brings Airflow's own tables up to date, and makes the pools of a file."""
    return (sys.executable, "-m", "candlehouse_airflow.runtime.preparing", str(pools_file))


def make_parts(environment: Mapping[str, str]) -> list[Part]:
    """What to keep running, in the order of starting.

    The scheduler is started when the api-server answers: tasks that it starts before fail. The
    triggerer comes last, since nothing that loads history waits for it. Task logs are read from
    the disk, so nothing serves them: that server would listen on every address.
    """
    commands = {
        "api-server": ("api-server",),
        "dag-processor": ("dag-processor",),
        SCHEDULER: ("scheduler", "--skip-serve-logs"),
        "triggerer": ("triggerer", "--skip-serve-logs"),
    }
    return [Part(name, (*_AIRFLOW, *command), environment) for name, command in commands.items()]


def answers(port: int) -> bool:
    """Whether the api-server answers on a port, whatever it reports on the other parts."""
    return _ask(port, "GET", _HEALTH) is not None


def warm_up(port: int) -> None:
    """Makes the api-server build the interface of tasks, which it delays to the first request.

    That takes seconds of a core, in which the first tasks would ask again and again.
    """
    _ask(port, "GET", _TASKS_HEALTH, timeout_s=_WARM_UP_S)


def find_ailing(port: int) -> list[str]:
    """Names of the parts that are not reported as healthy; empty when all are."""
    report = _ask(port, "GET", _HEALTH)
    if report is None:
        return ["api-server"]
    return [name for name in _REPORTING if (report.get(name) or {}).get("status") != "healthy"]


def announce_universe(port: int, user: str, password: str) -> bool:
    """Sends the asset event of a new universe, as `refresh_universe` would; starts `fill_gaps`.

    That run collects missing history of the members, for example after a change of
    COLLECTION_START_DATE or TIMEFRAMES, for which no monthly run is scheduled.

    Returns:
        Whether the event was sent; False until Airflow has parsed the DAGs.
    """
    login = {"username": user, "password": password}
    token = (_ask(port, "POST", "/auth/token", login) or {}).get("access_token")
    if not isinstance(token, str):
        return False
    found = _ask(port, "GET", f"/api/v2/assets?name_pattern={UNIVERSE}", token=token) or {}
    ids = [one["id"] for one in found.get("assets", []) if one["name"] == UNIVERSE]
    if not ids:
        return False
    event = _ask(port, "POST", "/api/v2/assets/events", {"asset_id": ids[0]}, token)
    return event is not None


def _ask(
    port: int,
    method: str,
    path: str,
    body: object = None,
    token: str | None = None,
    timeout_s: float = 5.0,
) -> dict[str, Any] | None:
    """The JSON object that the api-server answers; None without one, or with an error status."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    # Not urllib, which would use a proxy of the environment.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        report = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return report if response.status < 300 and isinstance(report, dict) else None
