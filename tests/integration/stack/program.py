"""The run with use cases that need no exchange: what the tests of it start."""

import sys
import time
from types import SimpleNamespace

from rich.console import Console

from candlehouse.cli.common import describe_failure
from candlehouse.stack.hooks import Hooks
from candlehouse.stack.run import run_stack
from candlehouse.storage.migrate import migrate

STARTED = time.monotonic()


def read_totals(*_: object) -> SimpleNamespace:
    pending = 0 if time.monotonic() - STARTED > 3 else 40
    return SimpleNamespace(expected=100, present=99 - pending, absent=1, pending=pending)


if __name__ == "__main__":
    hooks = Hooks(
        migrate=migrate,
        wants_sim=lambda settings, warehouse: settings.exchange == "sim",
        refresh_universe=lambda settings, warehouse: f"universe from {settings.rest_url}",
        read_totals=read_totals,
    )
    try:
        sys.exit(run_stack(hooks, Console()))
    except Exception as error:
        sys.exit(describe_failure(error))
