"""A year of history into an empty warehouse, beside what PostgreSQL could take at best.

All subjects get the same archive files, made ahead: the ceilings as CSV that is unzipped
and in memory, ours zipped and by HTTP. Ours plans, fetches, checks sums and rows, keeps
what it did in its ledger and counts every day's candles; the ceilings do none of it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg2

from benchmarks.measuring.bounded import find_postmaster, used_s
from benchmarks.measuring.ceilings import (
    Files,
    copy_raw,
    insert_each,
    insert_pages,
    insert_sample,
    stage,
)
from benchmarks.measuring.results import Options, Result
from benchmarks.measuring.truth import Truth
from benchmarks.warehouses.loading import Commands, load
from benchmarks.warehouses.orders import (
    REAL_LIMIT,
    Order,
    exchange_of,
    make_order,
    prepare_archives,
    read_months,
    unpinned,
)
from benchmarks.warehouses.servers import find_kinds, warehouse
from candlehouse.core.errors import CandlehouseError
from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange

PART = "history"
COMPARE = "candles/s"
SYMBOLS = 50
_SAMPLE_S = 8.0
# Compared with the market's own, candle by candle; all are counted.
_CHECKED = 3

Measured = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A way to have PostgreSQL take files.

    Attributes:
        take: given the warehouse's URL and the files, brings rows and seconds.
        note: what it does and does not do.
    """

    name: str
    take: Callable[[str, Files], Measured]
    note: str


def _staged(connections: int) -> Callable[[str, Files], Measured]:
    def take(url: str, files: Files) -> Measured:
        seconds = stage(url, files, connections)
        return sum(content.count(b"\n") for _, content in files), seconds

    return take


def _raw(url: str, files: Files) -> Measured:
    seconds = copy_raw(url, files)
    return sum(content.count(b"\n") for _, content in files), seconds


_STAGED = "CSV in memory, COPY to a temporary table, INSERT ... SELECT; one transaction a file"
CEILINGS = (
    Ceiling("staged, 2 connections", _staged(2), _STAGED),
    Ceiling("staged, 1 connection", _staged(1), _STAGED),
    Ceiling("raw COPY", _raw, "rows converted before, 1 connection, one transaction a file"),
)
FLOORS = (
    Ceiling(
        "execute_values",
        lambda url, files: insert_sample(url, files, insert_pages, _SAMPLE_S),
        f"about {_SAMPLE_S:g} s of rows converted before, 1,000 a transaction",
    ),
    Ceiling(
        "a row at a time",
        lambda url, files: insert_sample(url, files, insert_each, _SAMPLE_S),
        f"about {_SAMPLE_S:g} s of rows converted before, 1,000 a transaction",
    ),
)


def run(options: Options) -> Iterator[Result]:
    """Every kind of warehouse: ceilings, ours between them, floors; each in a new one."""
    order = make_order(options.symbols or SYMBOLS, options.days)
    try:
        archives = prepare_archives(options.out / "archives", order, ("monthly",))
    except subprocess.SubprocessError as error:
        yield Result(PART, str(order), "all", 0, note=f"not run: {error}")
        return
    files, truth = list(read_months(archives, order)), Truth(order)
    with unpinned(), exchange_of(archives, REAL_LIMIT) as exchange:
        for repeat in range(options.repeats):
            for kind in find_kinds():
                case = f"{order}, {kind}"
                for ceiling in CEILINGS[:2]:
                    yield _try_ceiling(case, kind, ceiling, repeat, files)
                yield _try_ours(case, kind, order, repeat, exchange, truth)
                for ceiling in (*CEILINGS[2:], *FLOORS):
                    yield _try_ceiling(case, kind, ceiling, repeat, files)


def _try_ceiling(case: str, kind: str, ceiling: Ceiling, repeat: int, files: Files) -> Result:
    try:
        with warehouse(kind) as (url, _):
            postmaster, durable = find_postmaster(url)
            before_s = used_s(postmaster)
            rows, seconds = ceiling.take(url, files)
            server_s = used_s(postmaster) - before_s
    except (psycopg2.Error, CandlehouseError) as error:
        note = f"failed: {' '.join(str(error).split())}"
        return Result(PART, case, ceiling.name, repeat, compare=COMPARE, note=note)
    figures: dict[str, float | None] = {
        "candles/s": rows / seconds,
        "seconds": seconds,
        "CPU s of the database": server_s,
        "candles": rows,
    }
    note = f"{durable}; {ceiling.note}"
    return Result(PART, case, ceiling.name, repeat, figures, COMPARE, note)


def _try_ours(
    case: str, kind: str, order: Order, repeat: int, exchange: RunningExchange, truth: Truth
) -> Result:
    # Whatever the one before used of the limit.
    exchange.set_limits(reset=True)
    before, standing_s = exchange.stats(), used_s(exchange.pid)
    try:
        with warehouse(kind) as (url, folder):
            commands = Commands(exchange, url, folder, archives=True)
            loading = load(commands, url, order, plan=True)
            engine = connect(url)
            try:
                difference = truth.check_warehouse(engine, order.symbols[:_CHECKED])
            finally:
                engine.dispose()
    except CandlehouseError as error:
        return Result(PART, case, "candlehouse", repeat, compare=COMPARE, note=f"failed: {error}")
    after = exchange.stats()
    figures: dict[str, float | None] = {
        **loading.figures,
        "candles": sum(loading.candles.values()),
        "candles from archives": loading.candles.get("archive", 0),
        "CPU s of the stand-in": used_s(exchange.pid) - standing_s,
    }
    wrong = difference.missing + difference.differing + difference.extra
    checked = f"{difference.got:,} compared with the market's own, {wrong:,} differ"
    details = {"stand-in before": before, "stand-in after": after, "sources": loading.candles}
    note = f"{loading.note}; {checked}"
    return Result(PART, case, "candlehouse", repeat, figures, COMPARE, note, details)
