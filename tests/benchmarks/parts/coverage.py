"""Is it complete, and what is pending: whether the answers take longer as history grows.

Every kind of warehouse is filled to each size in turn; what is known to be absent stays as
it is, so that only the number of candles grows. The server does not wait for its disk:
nothing here is about writing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

from sqlalchemy import Engine, text

from benchmarks.measuring.processes import ALL_CORES, pin
from benchmarks.measuring.results import Options, Result
from benchmarks.warehouses.history import NOW, SYMBOLS, TIMEFRAME, grow_through
from benchmarks.warehouses.servers import find_kinds, warehouse
from candlehouse.core.model import Span
from candlehouse.core.planning.fetch_plan import find_pending
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.completeness.coverage import find_differences, select_status
from candlehouse.storage.completeness.gaps import select_gaps
from candlehouse.storage.database.engine import connect

PART = "completeness"
COMPARE = "what is pending ms"
_FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB"}
_TIMES = 7
_BY_TIMEFRAME = (
    "SELECT timeframe, sum(expected), sum(present), sum(absent), sum(pending)"
    " FROM market.coverage GROUP BY timeframe"
)
_ONE_DAY = (
    "SELECT * FROM market.coverage"
    f" WHERE symbol = '{SYMBOLS[7]}' AND timeframe = '{TIMEFRAME}' AND day = '2024-12-20'"
)


def run(options: Options) -> Iterator[Result]:
    """Every kind of warehouse once, filled to every size, smallest first."""
    # The server is what is measured, and it has the machine.
    pin(ALL_CORES)
    for kind in find_kinds():
        yield from _run_kind(kind, sorted(options.candles))


def _run_kind(kind: str, sizes: list[int]) -> Iterator[Result]:
    with warehouse(kind, _FAST) as (url, _):
        engine = connect(url)
        try:
            for size in grow_through(engine, kind, sizes):
                case = f"{kind}, {len(SYMBOLS)} series"
                figures = measure(engine)
                yield Result(PART, case, f"{size:,} candles", 0, figures, COMPARE)
        finally:
            engine.dispose()


def measure(engine: Engine) -> dict[str, float | None]:
    """Milliseconds, medians of several; what takes seconds is measured once."""
    return {
        COMPARE: _clock(partial(find_all_pending, engine)),
        "totals of every series ms": _clock(partial(_select_totals, engine)),
        "view, by timeframe ms": _clock(partial(_query, engine, _BY_TIMEFRAME)),
        "view, one day of one series ms": _clock(partial(_query, engine, _ONE_DAY)),
        "verify s": _clock(partial(_verify, engine), times=1) / 1000,
    }


def find_all_pending(engine: Engine) -> dict[str, list[Span]]:
    """What a plan for all of history begins with, for every series."""
    closed = TIMEFRAME.floor(NOW)
    with engine.connect() as connection:
        first = connection.execute(text("SELECT min(wanted_from) FROM market.series")).scalar_one()
        asked = {symbol: Span(first, closed) for symbol in SYMBOLS}
        held = select_held(connection, TIMEFRAME, asked)
        gaps = select_gaps(connection, TIMEFRAME, list(asked.items()))
    return {
        symbol: find_pending(span, held.get(symbol, []), gaps.get(symbol, []), NOW)
        for symbol, span in asked.items()
    }


def _select_totals(engine: Engine) -> None:
    with engine.connect() as connection:
        select_status(connection)


def _query(engine: Engine, query: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(query)).all()


def _verify(engine: Engine) -> None:
    with engine.connect() as connection:
        differences = list(find_differences(connection))
    if differences:
        raise AssertionError(differences[:3])


def _clock(work: Callable[[], object], times: int = _TIMES) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)
