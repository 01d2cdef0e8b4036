"""An Airflow of the tests' own, and DAG runs without a scheduler.

Airflow reads its environment while it is imported, so all of it is set before: nothing
here imports it until a test asks for it.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from exchange_sim.testing import RunningExchange, running
from support.servers.airflow_dags import (
    PROJECT,
    Outcome,
    load_dags,
    read_events,
    read_states,
)

HOME = Path(tempfile.mkdtemp(prefix="candlehouse-airflow-"))
# The stand-in's clock stands still here, years behind the machine's.
NOW = "2024-03-10T00:00:00Z"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT")

os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(HOME / "logs"),
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
# Both come from inside Airflow 3.3.2: how it reads .airflowignore, and the web server that
# runs inside the process during dag.test().
# A dataclass, an enumeration, a moment, a collection or any other object, as Python writes it.
_OBJECT = re.compile(r"\w\(\w+=|<\w+[ .]|datetime\(|set\(|[\[({]'|\(\)")
_UNAVOIDABLE = (
    "ignore:GitWildMatchPattern:DeprecationWarning",
    "ignore:Using `httpx` with `starlette.testclient` is deprecated",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for warning in _UNAVOIDABLE:
                item.add_marker(pytest.mark.filterwarnings(warning))


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_tables() -> None:
    """Airflow's own tables, in a file."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def stand_in() -> Iterator[RunningExchange]:
    """A small exchange whose clock stands at NOW."""
    with running(seed=3, clock=NOW, frozen=True, weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def exchange(stand_in: RunningExchange) -> Iterator[RunningExchange]:
    """The same without the faults of the test before, and without what it used of a minute."""
    stand_in.set_limits(reset=True)
    yield stand_in
    stand_in.clear()


def check_sentences(records: list[logging.LogRecord]) -> None:
    """What tasks say is for people: no line shows an object of the program, or a library."""
    for record in records:
        ours = record.name.startswith("candlehouse")
        assert not (ours and _OBJECT.search(record.getMessage())), record.getMessage()
        library = record.name.startswith("great_expectations")
        assert not (library and record.levelno < logging.WARNING), record.getMessage()


@dataclass(frozen=True)
class Market:
    """A warehouse and the environment of tasks that fill it."""

    engine: Engine
    environment: Mapping[str, str]

    def read(self, query: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def market(
    fresh_database: Callable[..., str],
    exchange: RunningExchange,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Market]:
    """An empty warehouse; tasks find it, and the stand-in, in the environment."""
    url = fresh_database()
    environment = {
        "CANDLEHOUSE_HOME": str(tmp_path),
        "CANDLEHOUSE_DATABASE_URL": url,
        "BINANCE_REST_URL": exchange.url,
        "SYMBOLS": ",".join(SYMBOLS),
        "TIMEFRAMES": "1h",
        "COLLECTION_START_DATE": "2024-02-10",
        # Every request but once: who tries again here are the tasks.
        "MAX_RETRIES": "1",
        "RETRY_DELAY": "0",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    yield Market(engine, environment)
    engine.dispose()


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """`dag.test` looks once a second for tasks that can run, tasks to be tried again above all."""
    pause = time.sleep

    def sleep(seconds: float) -> None:
        asker = sys._getframe(1).f_globals.get("__name__")
        pause(0.01 if asker == "airflow.sdk.definitions.dag" else seconds)

    monkeypatch.setattr(time, "sleep", sleep)


def make_bags_of(patch: pytest.MonkeyPatch, file: str) -> None:
    """`dag.test` writes all DAGs into Airflow's tables each time: here those of one file."""
    from airflow.dag_processing import dagbag

    whole = dagbag.BundleDagBag
    patch.setattr(dagbag, "BundleDagBag", lambda dag_folder, **others: whole(file, **others))


@pytest.fixture
def run_dag(
    airflow_tables: None,
    _no_pauses: None,
    market: Market,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Outcome]:
    """Runs a DAG as if a person had started it: `run_dag(dag_id, form, retries=0)`."""

    def run(dag_id: str, form: Mapping[str, object] | None = None, retries: int = 0) -> Outcome:
        # Read anew: a form's values stay in the parsed DAG.
        dag = load_dags()[dag_id]
        for task in dag.task_dict.values():
            task.retries = retries
            task.retry_delay = timedelta(0)
        caplog.clear()
        with monkeypatch.context() as patch:
            make_bags_of(patch, dag.fileloc)
            done = dag.test(run_conf=dict(form or {}))
        check_sentences(caplog.records)
        found = (dag_id, done.run_id)
        return Outcome(str(done.state), read_states(*found), caplog.text, read_events(*found))

    return run
