"""The run of `make run`: starts everything in order, supervises it, ends it in reverse order."""

from __future__ import annotations

import os
import secrets as random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from candlehouse.core.errors import CandlehouseError, ConfigurationError
from candlehouse.exchange.venue import VENUE
from candlehouse.process import dying_with_parent, reap
from candlehouse.settings import Settings, load_settings
from candlehouse.stack import airflow, exchange
from candlehouse.stack.airflow_env import (
    AirflowPlace,
    build_environment,
    bypass_proxy,
    find_place,
    find_secrets,
    with_plugins,
)
from candlehouse.stack.checks import check_disk, check_port, only_run
from candlehouse.stack.hooks import Hooks
from candlehouse.stack.interruption import Interruption, StopRequested
from candlehouse.stack.leftovers import RUN_VARIABLE, RunRecord, end_leftovers
from candlehouse.stack.pools import render_pools
from candlehouse.stack.progress import ProgressView
from candlehouse.stack.secrets import ADMIN, Secrets, write_login
from candlehouse.stack.supervisor import Part, Supervisor
from candlehouse.storage import embedded

_GRACE_S = 15.0
_TICK_S = 0.5
_DATABASE_CHECK_S = 1.0
_TRIM_S = 60.0
_ANNOUNCE_S = 3.0
_PREPARING = "airflow-prepare"


def run_stack(hooks: Hooks, console: Console) -> int:
    """Runs everything until Ctrl-C or SIGTERM; the data stays.

    Returns:
        The exit code: 0 when a signal has stopped the run.

    Raises:
        CandlehouseError: when something that the run needs is missing or fails to start.
    """
    started = time.monotonic()
    settings = load_settings()
    check_disk(settings.home)
    # For the requests of this process; the environment of the parts has the same values.
    os.environ.update(bypass_proxy(os.environ))
    interruption = Interruption()
    with only_run(settings.home), interruption.installed():
        logs = settings.home / "logs"
        logs.mkdir(exist_ok=True)
        record = RunRecord(random.token_hex(8))
        record_file = settings.home / "run.json"
        ended = end_leftovers(record_file)
        view = ProgressView(lambda: hooks.read_totals(warehouse), console, started)
        if ended:
            view.say(f"ended {ended} processes that a killed run had left behind")
        check_port(settings.airflow_port, "AIRFLOW_PORT")
        supervisor = Supervisor(record, record_file, logs, settings.home, view.say)
        run = _Run(settings, hooks, interruption, supervisor, view)
        try:
            with ExitStack() as cleanup:
                warehouse = run.start(cleanup)
                run.watch()
        except StopRequested:
            view.say(f"stopped; the data stays in {settings.home}")
    return 0


@dataclass
class _Chore:
    """A call that is repeated every `every_s` seconds, first after that time."""

    every_s: float
    do: Callable[[], None]
    _due: float = field(default_factory=time.monotonic)

    def do_if_due(self) -> None:
        if time.monotonic() >= self._due + self.every_s:
            self.do()
            self._due = time.monotonic()


@dataclass
class _Run:
    settings: Settings
    hooks: Hooks
    interruption: Interruption
    supervisor: Supervisor
    view: ProgressView
    _server: embedded.Server | None = None
    _login: str = ""
    _announced: bool = False

    def start(self, cleanup: ExitStack) -> str:
        """Starts everything, each part after those that it needs.

        Returns:
            The owner's URL of the warehouse.
        """
        cleanup.callback(self._stop_database)
        server = self._keep_database()
        cleanup.callback(self._stop_parts)
        place, secrets = find_place(self.settings, server), find_secrets(self.settings)
        warehouse = place.warehouse_url
        place.home.mkdir(exist_ok=True)
        write_login(place.login_file, secrets.admin_password)
        environment = build_environment(os.environ, place, secrets)
        # Preparing Airflow takes seconds, mostly for imports; the steps below run meanwhile.
        preparing = self._prepare_airflow(place, environment, cleanup)
        with self.interruption.raising():
            self.hooks.migrate(warehouse)
            wants_sim = self.hooks.wants_stand_in(self.settings, warehouse)
        sim_url = self._start_sim() if wants_sim else None
        with self.interruption.raising():
            name = self.hooks.settle_exchange(self.settings, warehouse, sim_url)
        self._name_exchange(name, sim_url)
        self._refresh_universe(warehouse)
        self._finish(preparing)
        self._start_airflow(airflow.make_parts(environment))
        self._greet(place, secrets, server)
        self._login = secrets.admin_password
        return warehouse

    def watch(self) -> None:
        """Keeps everything running and shows the progress, until a signal."""
        chores = [
            _Chore(_DATABASE_CHECK_S, self._check_database),
            _Chore(_ANNOUNCE_S, self._announce),
            _Chore(_TRIM_S, self.supervisor.trim_logs),
        ]
        while True:
            self.interruption.wait(_TICK_S)
            self.supervisor.tick()
            for chore in chores:
                chore.do_if_due()
            with self.interruption.raising():
                self.view.update()

    def _check_database(self) -> None:
        try:
            self._keep_database()
        except CandlehouseError as error:
            self.view.say(f"the database server cannot be restarted: {error}")

    def _keep_database(self) -> embedded.Server:
        """Starts the embedded server, or starts it again if it has died."""
        if self._server is not None and embedded.status(self.settings) is not None:
            return self._server
        if self._server is not None:
            self.view.say("the database server ended; starting it again")
            reap(self._server.pid)
        # Airflow's metadata lives in it even when the warehouse is elsewhere.
        server = embedded.start(self.settings, tied=True)
        started = server.started or (self._server is not None and self._server.started)
        self._server = replace(server, started=started)
        return self._server

    def _stop_database(self) -> None:
        if self._server is not None and self._server.started:
            embedded.stop(self.settings)

    def _stop_parts(self) -> None:
        self.view.close()
        self.view.say("stopping")
        self.supervisor.stop(_GRACE_S, lambda: self.interruption.hurried)

    def _prepare_airflow(
        self, place: AirflowPlace, environment: dict[str, str], cleanup: ExitStack
    ) -> subprocess.Popen[bytes]:
        pools_file = place.home / "pools.json"
        pools_file.write_text(render_pools())
        with open(self._log(_PREPARING), "wb") as log:
            process = subprocess.Popen(
                airflow.prepare_command(pools_file),
                cwd=self.settings.home,
                env={**with_plugins(environment), RUN_VARIABLE: self.supervisor.record.run_id},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGKILL),
            )
        cleanup.callback(process.wait)
        cleanup.callback(process.kill)
        return process

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            self.interruption.wait(0.1)
        if process.returncode != 0:
            log = self._log(_PREPARING)
            lines = log.read_text(errors="replace").strip().splitlines() or ["no reason given"]
            raise CandlehouseError(f"preparing Airflow failed: {lines[-1]} (log: {log})")

    def _start_sim(self) -> str:
        home = self.settings.home
        port = exchange.sim_port(home)
        part = exchange.make_part(port, home, self.settings.sim_options, os.environ)
        self.supervisor.add(part)
        died = self.supervisor.has_died
        wait, log = self.interruption.wait, self._log(part.name)
        exchange.wait_until_up(port, wait, lambda: died(part.name), log)
        return f"http://127.0.0.1:{port}"

    def _name_exchange(self, name: str, sim_url: str | None) -> None:
        if sim_url is None:
            self.view.say(f"exchange: {name}")
        else:
            self.view.say(
                f"THE EXCHANGE IS A STAND-IN ({name} at {sim_url}): its candles are"
                f" not {VENUE.title}'s"
            )

    def _refresh_universe(self, warehouse: str) -> None:
        try:
            with self.interruption.raising():
                found = self.hooks.refresh_universe(self.settings, warehouse)
            self.view.say(found)
        except ConfigurationError:
            raise
        except CandlehouseError as error:
            # Each collecting run tries again, so everything else may start.
            self.view.say(f"the universe cannot be refreshed yet: {error}")

    def _start_airflow(self, parts: Sequence[Part]) -> None:
        """Starts Airflow's parts, the scheduler only when the api-server answers."""
        self.view.say("starting Airflow")
        port = self.settings.airflow_port
        for part in parts:
            if part.name == airflow.SCHEDULER:
                self._wait_until(lambda: airflow.answers(port))
                # Runs while the scheduler imports its modules.
                threading.Thread(target=airflow.warm_up, args=(port,), daemon=True).start()
            self.supervisor.add(part)
        self._wait_until(lambda: not airflow.find_ailing(port))

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.interruption.wait(_TICK_S)
            self.supervisor.tick()

    def _greet(self, place: AirflowPlace, secrets: Secrets, server: embedded.Server) -> None:
        psql = "psql" if shutil.which("psql") else embedded.find_installation().program("psql")
        own = self.settings.database_url is None
        database = f'{psql} "{server.url("analyst")}"' if own else "CANDLEHOUSE_DATABASE_URL"
        for line in (
            "everything runs",
            f"  web       {place.web_url}  (user {ADMIN}, password {secrets.admin_password})",
            f"  database  {database}",
            f"  logs      {self.supervisor.logs}",
            "  stop      Ctrl-C; the data stays, the next run continues",
        ):
            self.view.say(line)

    def _announce(self) -> None:
        """Starts `fill_gaps` once, which collects history that no monthly run covers."""
        port = self.settings.airflow_port
        if not self._announced and airflow.announce_universe(port, ADMIN, self._login):
            self._announced = True

    def _log(self, name: str) -> Path:
        return self.supervisor.logs / f"{name}.log"
