"""Command `airflow`: Airflow's own command line, pointed at the Airflow of `make run`."""

from __future__ import annotations

import os
import sys

import click

from candlehouse.core.errors import DatabaseUnavailable
from candlehouse.settings import load_settings
from candlehouse.stack.airflow_env import build_environment, find_place, find_secrets
from candlehouse.storage import embedded


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def airflow(arguments: tuple[str, ...]) -> None:
    """Run Airflow's command line, such as `airflow backfill create --help`.

    Works while `make run` runs. Airflow's process replaces this one, with its exit code.
    """
    settings = load_settings()
    server = embedded.status(settings)
    if server is None:
        raise DatabaseUnavailable(f"no Airflow runs in {settings.home}: start it with make run")
    place = find_place(settings, server)
    environment = build_environment(os.environ, place, find_secrets(settings))
    command = [sys.executable, "-m", "airflow", *arguments]
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)
