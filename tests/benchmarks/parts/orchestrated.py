"""History through Airflow beside the same by the command line, and what an idle stack costs.

Both get the same symbols and days of the same market, each from a stand-in that has to make the
files, into an embedded warehouse of its own. The command line runs `collect backward` and
`collect forward`; the stack is `make run` from its first moment on, until it says that the
record is complete. Then a run of `collect_forward` is triggered, and at last nothing happens.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring.results import Options, Result
from benchmarks.measuring.usage import Usage, subtract
from benchmarks.warehouses.orders import INCLUDE, SEED, make_order, unpinned
from benchmarks.warehouses.stack import Stack, StackFailed, read_rows, running_stack
from candlehouse.settings import load_settings
from candlehouse.storage import embedded
from exchange_sim.testing import RunningExchange, running

PART = "orchestrated"
COMPARE = "candles/s"
SYMBOLS = 52
TIMEFRAMES = "5m,1h"
_LONGEST_S = 3600.0
_FORWARD_S = 120.0
# Between the end of a load and what is called idle: validation and the like are through.
_SETTLE_S = 120.0
_CANDLES = "SELECT count(*) FROM market.candles"


def run(options: Options) -> Iterator[Result]:
    """The command line, then the stack, then the stack that has nothing to do."""
    symbols = make_order(options.symbols or SYMBOLS, options.days).symbols
    start = datetime.now(UTC).date() - timedelta(days=options.days)
    case = f"{len(symbols)} symbols x {TIMEFRAMES}, {options.days} days"
    variables = {
        "SYMBOLS": ",".join(symbols),
        "TIMEFRAMES": TIMEFRAMES,
        "COLLECTION_START_DATE": f"{start:%Y-%m-%d}",
    }
    for repeat in range(options.repeats):
        with unpinned(), TemporaryDirectory(prefix="candlehouse-bench-") as name:
            with _stand_in(variables) as (exchange, places):
                yield _run_commands(case, repeat, exchange, Path(name) / "commands", places)
            with _stand_in(variables) as (exchange, places):
                home = Path(name) / "stack"
                yield from _run_stack(case, repeat, exchange, home, places, options.idle_s)


@contextmanager
def _stand_in(variables: Mapping[str, str]) -> Iterator[tuple[RunningExchange, dict[str, str]]]:
    """A stand-in that has made no file yet, and the settings that lead to it."""
    with running(seed=SEED) as exchange:
        places = {"BINANCE_REST_URL": exchange.url, "COINGECKO_URL": exchange.coingecko_url}
        yield exchange, {**variables, **places}


def _run_commands(
    case: str, repeat: int, exchange: RunningExchange, home: Path, variables: Mapping[str, str]
) -> Result:
    settings = load_settings({"CANDLEHOUSE_HOME": str(home)})
    environ = {**os.environ, "PYTHONPATH": INCLUDE, "CANDLEHOUSE_HOME": str(home), **variables}
    month = datetime.now(UTC).replace(day=1)
    ranges = (f"--start={variables['COLLECTION_START_DATE']}", f"--end={month:%Y-%m-%d}")
    home.mkdir()
    server = embedded.start(settings, tied=True)
    try:
        for preparing in (("migrate",), ("universe", "refresh")):
            _call(environ, *preparing)
        # The commands are children of this process, and so is the server.
        with Usage(os.getpid(), exchange.pid) as usage:
            before, began = usage.seconds(), time.monotonic()
            _call(environ, "collect", "backward", *ranges)
            _call(environ, "collect", "forward")
            seconds = time.monotonic() - began
            used = subtract(usage.seconds(), before)
        candles = int(read_rows(server.url("owner"), _CANDLES)[0][0])
    except subprocess.CalledProcessError as error:
        return Result(PART, case, "command line", repeat, compare=COMPARE, note=f"failed: {error}")
    finally:
        embedded.stop(settings)
    figures = {COMPARE: candles / seconds, "seconds": seconds, "candles": candles}
    return Result(PART, case, "command line", repeat, {**figures, **_tell(used)}, COMPARE)


def _call(environ: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "candlehouse", *arguments, "--quiet"]
    subprocess.run(command, env=environ, check=True, timeout=_LONGEST_S, stdout=subprocess.DEVNULL)


def _run_stack(
    case: str, repeat: int, exchange: RunningExchange, home: Path,
    variables: Mapping[str, str], idle_s: float,
) -> Iterator[Result]:  # fmt: skip
    try:
        with (
            running_stack(home, variables) as stack,
            Usage(stack.process.pid, exchange.pid) as usage,
        ):
            yield _load(case, repeat, stack, usage)
            if idle_s > 0:
                yield _idle(case, repeat, stack, usage, idle_s)
    except StackFailed as error:
        yield Result(PART, case, "Airflow", repeat, compare=COMPARE, note=f"failed: {error}")


def _load(case: str, repeat: int, stack: Stack, usage: Usage) -> Result:
    before = usage.seconds()
    ready_s = stack.wait_until(lambda: "everything runs" in stack.said(), _LONGEST_S, "start")
    first_s = stack.wait_until(lambda: _has_candle(stack), _LONGEST_S, "first candle")
    seconds = stack.wait_until(lambda: "100% complete" in stack.said(), _LONGEST_S, "load")
    used, processes = subtract(usage.seconds(), before), usage.counts()["tasks"]
    candles = int(stack.read("owner", _CANDLES)[0][0])
    forward_s = _run_forward(stack)
    figures = {
        COMPARE: candles / seconds,
        "seconds": seconds,
        "candles": candles,
        "seconds until everything runs": ready_s,
        "seconds until the first candle": first_s,
        "task processes": processes,
        "seconds of a forward run": forward_s,
        **_tell(used),
    }
    return Result(PART, case, "Airflow", repeat, figures, COMPARE)


def _has_candle(stack: Stack) -> bool:
    there = stack.read("owner", "SELECT to_regclass('market.candles') IS NOT NULL")
    if not there or not there[0][0]:
        return False
    return bool(stack.read("owner", "SELECT EXISTS (SELECT FROM market.candles)")[0][0])


def _run_forward(stack: Stack) -> float:
    """Seconds from triggering a run of `collect_forward` to the end of its task."""
    began = time.time()
    run_id = stack.trigger("collect_forward")
    query = (
        "SELECT extract(epoch FROM end_date) FROM task_instance"
        f" WHERE dag_id = 'collect_forward' AND run_id = '{run_id}' AND state = 'success'"
    )
    stack.wait_until(lambda: stack.read("airflow", query), _FORWARD_S, "forward run")
    return float(stack.read("airflow", query)[0][0]) - began


def _idle(case: str, repeat: int, stack: Stack, usage: Usage, idle_s: float) -> Result:
    time.sleep(_SETTLE_S)
    before, began, rows = usage.seconds(), time.monotonic(), stack.count_metadata_rows()
    time.sleep(idle_s)
    hours = (time.monotonic() - began) / 3600
    used = subtract(usage.seconds(), before)
    added = stack.count_metadata_rows() - rows
    memory = usage.memory_mb()
    figures: dict[str, float | None] = {
        "of a core, s per hour": sum(used.values()) / hours,
        "memory, MB": sum(memory.values()),
        "connections": sum(stack.count_connections().values()),
        "rows of Airflow's tables per day": added / hours * 24,
        **{f"of a core, s per hour: {kind}": value / hours for kind, value in used.items()},
        **{f"memory, MB: {kind}": value for kind, value in memory.most_common()},
    }
    return Result(PART, f"{case}, idle for {idle_s:g} s", "Airflow", repeat, figures)


def _tell(used: Mapping[str, float]) -> dict[str, float | None]:
    total = {"of a core, s": sum(used.values())}
    return {**total, **{f"of a core, s: {kind}": value for kind, value in used.items()}}
