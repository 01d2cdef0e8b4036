"""Airflow's programs: preparing the metadata, the parts to keep running, their health."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from candlehouse.stack.supervisor import Part

_AIRFLOW = (sys.executable, "-m", "airflow")
_REPORTING = ("metadatabase", "scheduler", "triggerer", "dag_processor")


def migrate_command() -> tuple[str, ...]:
    """Brings the metadata database up to date."""
    return (*_AIRFLOW, "db", "migrate")


def make_parts(environment: Mapping[str, str], pools_file: Path) -> list[Part]:
    """What to keep running, in the order of starting.

    Task logs are read from the disk, so nothing serves them: that server would
    listen on every address.
    """
    commands = {
        "api-server": ("api-server",),
        "scheduler": ("scheduler", "--skip-serve-logs"),
        "dag-processor": ("dag-processor",),
        "triggerer": ("triggerer", "--skip-serve-logs"),
    }
    parts = [Part(name, (*_AIRFLOW, *command), environment) for name, command in commands.items()]
    pools = (*_AIRFLOW, "pools", "import", str(pools_file))
    return [*parts, Part("pools", pools, environment, once=True)]


def find_ailing(port: int) -> list[str]:
    """Names of the parts that do not report to be healthy; empty when all is well."""
    # No urllib: a proxy of the environment must not come between.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v2/monitor/health")
        report = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return ["api-server"]
    finally:
        connection.close()
    if not isinstance(report, dict):
        return ["api-server"]
    return [name for name in _REPORTING if (report.get(name) or {}).get("status") != "healthy"]
