"""A whole Airflow for a test: embedded server, scheduler, dag-processor and api-server.

Made of the same pieces as `make run`, but in a folder of its own, and without the
triggerer where no DAG that it runs defers anything.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

from candlehouse.settings import load_settings
from candlehouse.stack.airflow import make_parts, prepare_command
from candlehouse.stack.airflow_env import AirflowPlace, build_environment, with_plugins
from candlehouse.stack.leftovers import RunRecord
from candlehouse.stack.pools import render_pools
from candlehouse.stack.secrets import ensure_secrets, write_login
from candlehouse.stack.supervisor import Supervisor
from candlehouse.storage import embedded
from candlehouse.storage.embedded.places import choose_port
from candlehouse.storage.schema.migrate import migrate

# Nothing here has to survive a power cut.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_TICK_S = 0.5
_LOG_LINES = 25
_PARSED_S = 120.0


class TooSlow(AssertionError):
    """A condition did not hold within the time limit."""


@dataclass
class RunningAirflow:
    """A running Airflow.

    Attributes:
        warehouse_url: the owner's.
        metadata_url: of Airflow's own tables.
        said: by the supervisor: a line for each process that died.
    """

    home: Path
    warehouse_url: str
    metadata_url: str
    supervisor: Supervisor
    said: list[str] = field(default_factory=list)

    def unpause(self, *dag_ids: str) -> None:
        """Lets DAGs run, or none when no name is given; pauses all others.

        Written straight into the table: each of Airflow's own commands takes seconds to start.
        Waits until all of them are there, for a file that is parsed later comes in paused.
        """
        self.wait_until(lambda: set(dag_ids) <= self._parsed(), _PARSED_S, "DAGs parsed")
        with closing(psycopg2.connect(self.metadata_url)) as connection, connection.cursor() as c:
            c.execute("UPDATE dag SET is_paused = dag_id <> ALL (%s)", (list(dag_ids),))
            connection.commit()

    def _parsed(self) -> set[str]:
        return {str(dag_id) for (dag_id,) in self.read("SELECT dag_id FROM dag")}

    def read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of a query on Airflow's own tables."""
        with closing(psycopg2.connect(self.metadata_url)) as connection, connection.cursor() as c:
            c.execute(query, values)
            return list(c.fetchall())

    def count_runs(self, dag_id: str, before: str = "infinity") -> Counter[str]:
        """Runs of a DAG by state, of those whose interval starts before a moment."""
        rows = self.read(
            "SELECT state, count(*) FROM dag_run WHERE dag_id = %s"
            " AND COALESCE(data_interval_start, run_after) < %s GROUP BY state",
            dag_id,
            before,
        )
        return Counter({str(state): int(str(number)) for state, number in rows})

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Keeps all parts running until something holds.

        Returns:
            Seconds that it took.

        Raises:
            TooSlow: when it took longer than allowed.
        """
        started = time.monotonic()
        while not condition():
            if time.monotonic() - started > seconds:
                raise TooSlow(f"{what}: not within {seconds:g} s\n{self.describe()}")
            self.supervisor.tick()
            time.sleep(_TICK_S)
        return time.monotonic() - started

    def describe(self) -> str:
        """The state of the parts and the ends of their logs, for the message of a failed test."""
        rows = self.read(
            "SELECT dag_id, task_id, state, count(*) FROM task_instance"
            " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        lines = [" ".join(map(str, row)) for row in rows] + self.said
        logs = sorted(self.supervisor.logs.glob("*.log"))
        failed = self.read(
            "SELECT dag_id, run_id, task_id FROM task_instance"
            " WHERE state IN ('failed', 'up_for_retry') LIMIT 3"
        )
        for dag_id, run_id, task_id in failed:
            below = self.home / "airflow" / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
            logs += sorted((below / f"task_id={task_id}").rglob("*.log"))[:2]
        for log in logs:
            lines += [
                f"--- {log.name}",
                *log.read_text(errors="replace").splitlines()[-_LOG_LINES:],
            ]
        return "\n".join(lines)


@contextmanager
def running_airflow(
    home: Path,
    variables: Mapping[str, str],
    timescaledb: bool = False,
    triggerer: bool = False,
    durable: bool = False,
) -> Iterator[RunningAirflow]:
    """Runs Airflow in a folder, with an empty warehouse, until the block is left.

    Args:
        home: an empty folder.
        variables: settings of Candlehouse and Airflow; nothing else is inherited of them.
        timescaledb: whether the warehouse uses it where it is installed.
        triggerer: whether anything is deferred.
        durable: whether what is committed survives a crash of the server.
    """
    switch = "on" if timescaledb else "off"
    settings = load_settings({"CANDLEHOUSE_HOME": str(home), "CANDLEHOUSE_TIMESCALEDB": switch})
    server = embedded.start(settings, extra={} if durable else _FAST, tied=True)
    try:
        with _parts(home, server, variables, triggerer) as airflow:
            yield airflow
    finally:
        embedded.stop(settings)


@contextmanager
def _parts(
    home: Path, server: embedded.Server, variables: Mapping[str, str], triggerer: bool
) -> Iterator[RunningAirflow]:
    place = AirflowPlace(
        home / "airflow", choose_port(None), server.url("airflow"), server.url("owner")
    )
    place.home.mkdir()
    secrets = ensure_secrets(home / "secrets.json")
    write_login(place.login_file, secrets.admin_password)
    environment = build_environment({**_inherited(), **variables}, place, secrets)
    pools = place.home / "pools.json"
    pools.write_text(render_pools())
    logs = home / "logs"
    logs.mkdir()
    preparing = subprocess.Popen(
        prepare_command(pools),
        env=with_plugins(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with preparing:
        migrate(place.warehouse_url)
        said_by_it, _ = preparing.communicate(timeout=120)
    assert preparing.returncode == 0, said_by_it.decode()
    said: list[str] = []
    record = RunRecord(f"test-{os.getpid()}-{home.name}")
    supervisor = Supervisor(record, home / "run.json", logs, home, said.append)
    airflow = RunningAirflow(home, place.warehouse_url, place.metadata_url, supervisor, said)
    try:
        for part in make_parts(environment):
            if triggerer or part.name != "triggerer":
                supervisor.add(part)
        yield airflow
    finally:
        supervisor.stop(grace_s=10)


def _inherited() -> dict[str, str]:
    """What of the own environment says nothing about Airflow, Candlehouse or an exchange."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}
