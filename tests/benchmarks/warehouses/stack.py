"""The whole stack as `make run` starts it, in a folder of its own, and what may be asked of it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks.warehouses.orders import INCLUDE
from candlehouse.settings import load_settings
from candlehouse.storage import embedded
from candlehouse.storage.embedded.places import choose_port

_LOOK_S = 0.5
_STOP_S = 60.0
_PASSWORD = re.compile(r"user (\S+), password (\S+)\)")
# What came into Airflow's tables and what went out, in all of them together.
_ROWS = "SELECT sum(n_tup_ins - n_tup_del) FROM pg_stat_user_tables"
_CONNECTIONS = "SELECT datname, count(*) FROM pg_stat_activity WHERE datname <> '' GROUP BY 1"


class StackFailed(Exception):
    """The stack did not do what was waited for; the text has the end of what it said."""


@dataclass
class Stack:
    """A stack at work.

    Attributes:
        home: its folder.
        process: of `python -m candlehouse run`.
        port: of its web pages.
        started: when the process was started, as `time.monotonic` has it.
    """

    home: Path
    process: subprocess.Popen[bytes]
    port: int
    started: float = field(default_factory=time.monotonic)

    def said(self) -> str:
        """All that it has said so far."""
        return self.home.with_suffix(".out").read_text()

    def wait_until(self, condition: Callable[[], object], most_s: float, what: str) -> float:
        """Waits until something holds; gives the seconds since the stack was started.

        Raises:
            StackFailed: when it does not come about in time, or the stack has ended.
        """
        deadline = time.monotonic() + most_s
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise StackFailed(f"{what}: not within {most_s:g} s: {self.said()[-2000:]}")
            time.sleep(_LOOK_S)
        return time.monotonic() - self.started

    def read(self, role: str, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the warehouse (`owner`) or Airflow's tables (`airflow`).

        Nothing before the server and its tables are there.
        """
        settings = load_settings({"CANDLEHOUSE_HOME": str(self.home)})
        server = embedded.status(settings)
        if server is None:
            return []
        return read_rows(server.url(role), query)

    def count_metadata_rows(self) -> int:
        """Rows of all of Airflow's tables, by the server's own count of what came and went."""
        return int(self.read("airflow", _ROWS)[0][0])

    def count_connections(self) -> dict[str, int]:
        """Connections to each database of the server."""
        return {str(name): int(number) for name, number in self.read("airflow", _CONNECTIONS)}

    def trigger(self, dag_id: str) -> str:
        """Starts a run of a DAG as a person would; gives its id."""
        found = _PASSWORD.search(self.said())
        if found is None:
            raise StackFailed("the stack has not told its password")
        login = {"username": found[1], "password": found[2]}
        token = self._ask("POST", "/auth/token", login)["access_token"]
        run = self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None}, token)
        return str(run["dag_run_id"])

    def _ask(self, method: str, path: str, body: object, token: str = "") -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, json.dumps(body), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


def read_rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query, by a connection of its own."""
    address = url.replace("postgresql://", "postgresql+psycopg2://", 1)
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


@contextmanager
def running_stack(home: Path, variables: Mapping[str, str]) -> Iterator[Stack]:
    """Runs everything in a folder that is not there yet, until the block is left.

    Args:
        home: its folder; what it says is in a file beside.
        variables: settings, besides the usual ones.
    """
    port = choose_port(None)
    environ = {
        **os.environ,
        "PYTHONPATH": INCLUDE,
        "CANDLEHOUSE_HOME": str(home),
        "AIRFLOW_PORT": str(port),
        **variables,
    }
    with open(home.with_suffix(".out"), "wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "candlehouse", "run"],
            env=environ,
            cwd=home.parent,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Stack(home, process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            # Whatever it started ends with it.
            process.kill()
            process.wait()
