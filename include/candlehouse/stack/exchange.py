"""The stand-in exchange as a part of the run."""

from __future__ import annotations

import http.client
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from candlehouse.core.errors import ConfigurationError, ExchangeUnavailable
from candlehouse.exchange.venue import VENUE
from candlehouse.stack.airflow_env import PROJECT
from candlehouse.stack.supervisor import Part
from candlehouse.storage.embedded.places import choose_port

NAME = "exchange-sim"
_START_POLLS = 300
_POLL_S = 0.1


def sim_port(home: Path) -> int:
    """A port for the stand-in: that of the last run if it is free, so that URLs stay valid."""
    path = port_file(home)
    try:
        remembered = int(path.read_text())
    except (OSError, ValueError):
        remembered = None
    port = choose_port(remembered)
    path.write_text(str(port))
    return port


def port_file(home: Path) -> Path:
    """File with the stand-in's port."""
    return home / "exchange_sim.port"


def make_part(port: int, home: Path, options: str, inherited: Mapping[str, str]) -> Part:
    """The stand-in on a port, with the options of SIM_OPTIONS.

    Raises:
        ConfigurationError: when the options cannot be split into words.
    """
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise ConfigurationError(f"SIM_OPTIONS={options!r} is not allowed: {error}") from None
    command = [sys.executable, "-m", "exchange_sim", *words]
    command += ["--port", str(port), "--port-file", str(port_file(home))]
    environment = {**inherited, "PYTHONPATH": str(PROJECT / "include"), "PYTHONUNBUFFERED": "1"}
    return Part(NAME, command, environment)


def wait_until_up(
    port: int, wait: Callable[[float], None], died: Callable[[], bool], log: Path
) -> None:
    """Waits until the stand-in answers.

    Args:
        port: of the stand-in.
        wait: sleeps for a number of seconds.
        died: whether the stand-in's process has ended.
        log: log file of the process, quoted in the error.

    Raises:
        ExchangeUnavailable: when the process ends, or does not answer within 30 seconds.
    """
    for _ in range(_START_POLLS):
        if _answers(port):
            return
        if died():
            raise ExchangeUnavailable(f"the stand-in exchange does not start: {_last_line(log)}")
        wait(_POLL_S)
    raise ExchangeUnavailable(f"the stand-in exchange does not answer on port {port}: see {log}")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", VENUE.rest.ping_path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else f"see {log}"
