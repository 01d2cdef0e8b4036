"""Backfilling history: ours and its peers, from the same stand-in, in the same run.

Ours ends with every candle committed to a database, exact and checked; all peers do less,
and their notes say what. Seconds are from the start of a process until everything is
there. Everyone begins with a full weight limit, and at the beginning of a clock minute
where one minute's limit is not enough.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring.bounded import used_s
from benchmarks.measuring.processes import ChildFailed
from benchmarks.measuring.results import Options, Result
from benchmarks.measuring.truth import Truth
from benchmarks.peers.downloads import PEERS, Job, Peer
from benchmarks.peers.environments import NotInstalled
from benchmarks.peers.freqtrade import FREQTRADE
from benchmarks.warehouses.loading import Commands, load
from benchmarks.warehouses.orders import (
    NO_LIMIT,
    PAGE_MS,
    REAL_LIMIT,
    Order,
    exchange_of,
    make_order,
    prepare_archives,
    unpinned,
    warm_up,
)
from benchmarks.warehouses.servers import find_kinds, warehouse
from candlehouse.core.errors import CandlehouseError
from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange

PART = "backfill"
COMPARE = "seconds"
SYMBOLS = 10
# What a warehouse begins with, against the fastest of the peers alone: others would take
# most of an hour.
TOP = 50
# Whoever takes longer is stopped, and what it had asked for by then is said.
_MOST_S = 420.0
_PAGE_WEIGHT = 2


@dataclass(frozen=True, slots=True)
class Case:
    """What everybody is asked for.

    Attributes:
        archives: folder of files made ahead.
        weight_limit: of the stand-in, a minute.
        peers: who is asked beside ours.
        ways: of ours: whether files may be used.
    """

    name: str
    order: Order
    truth: Truth
    archives: Path
    weight_limit: int
    peers: Sequence[Peer] = (*PEERS, *FREQTRADE)
    ways: Sequence[bool] = (False, True)

    @property
    def limited(self) -> bool:
        """Whether all of it costs more than a minute's limit: then it matters when one begins."""
        order = self.order
        pages = len(order.symbols) * (order.end_ms - order.start_ms) / PAGE_MS
        return pages * _PAGE_WEIGHT > self.weight_limit


def run(options: Options) -> Iterator[Result]:
    """Every case with all that are in it, before the next repeat."""
    few, real = options.symbols or SYMBOLS, "the exchange's weight limit"
    try:
        cases = [
            _make_case(options, make_order(few, options.limited_days), REAL_LIMIT, real),
            _make_case(options, make_order(few, options.days), NO_LIMIT, "no weight limit"),
        ]
        if options.symbols is None:
            top = _make_case(options, make_order(TOP, options.days), REAL_LIMIT, real)
            cases.append(replace(top, peers=FREQTRADE, ways=(True,)))
    except subprocess.SubprocessError as error:
        yield Result(PART, "archive files", "all", 0, note=f"not run: {error}")
        return
    for repeat in range(options.repeats):
        for case in cases:
            with unpinned(), exchange_of(case.archives, case.weight_limit) as exchange:
                warm_up(exchange, case.order, case.weight_limit)
                for kind in find_kinds():
                    for archives in case.ways:
                        yield _try_ours(case, kind, repeat, exchange, archives=archives)
                for peer in case.peers:
                    yield _try_peer(case, peer, repeat, exchange, options)


def _make_case(options: Options, order: Order, weight_limit: int, limit: str) -> Case:
    archives = prepare_archives(options.out / "archives", order, ("monthly", "daily"))
    return Case(f"{order}, {limit}", order, Truth(order), archives, weight_limit)


def _try_ours(
    case: Case, kind: str, repeat: int, exchange: RunningExchange, *, archives: bool
) -> Result:
    name = f"candlehouse, {'archives' if archives else 'REST'}, {kind}"
    meter = _Meter(case, exchange)
    try:
        with warehouse(kind) as (url, folder):
            meter.begin()
            commands = Commands(exchange, url, folder, archives=archives)
            loading = load(commands, url, case.order)
            engine = connect(url)
            try:
                difference = case.truth.check_warehouse(engine, case.order.symbols)
            finally:
                engine.dispose()
    except CandlehouseError as error:
        return Result(PART, case.name, name, repeat, compare=COMPARE, note=f"failed: {error}")
    figures, details = meter.end()
    figures = {
        **loading.figures,
        **difference.figures,
        "candles from archives": loading.candles.get("archive", 0),
        **figures,
    }
    return Result(PART, case.name, name, repeat, figures, COMPARE, loading.note, details)


def _try_peer(
    case: Case, peer: Peer, repeat: int, exchange: RunningExchange, options: Options
) -> Result:
    job = Job(exchange, case.order, case.truth, options.out / "environments", _MOST_S)
    meter = _Meter(case, exchange)
    try:
        # Not in the race: an environment is made once.
        peer.prepare(job)
        meter.begin()
        got = peer.fetch(job)
    except (ChildFailed, NotInstalled) as error:
        reached, details = meter.end()
        asked = int((reached["requests for candles"] or 0) + (reached["other requests"] or 0))
        note = f"run {repeat + 1} brought nothing after {asked:,} requests: {error}; {peer.note}"
        return Result(PART, case.name, peer.name, repeat, {}, COMPARE, note, details)
    figures, details = meter.end()
    figures = {
        "seconds": got.seconds,
        "candles/s": got.difference.got / got.seconds,
        "CPU s": got.cpu_s,
        "peak MB": got.peak_mb,
        **got.difference.figures,
        **figures,
    }
    note = "; ".join(filter(None, (peer.note, got.note)))
    return Result(PART, case.name, peer.name, repeat, figures, COMPARE, note, details)


class _Meter:
    """What the stand-in was asked for between two moments, and what that cost it."""

    def __init__(self, case: Case, exchange: RunningExchange) -> None:
        self._case = case
        self._exchange = exchange
        self._before: dict[str, Any] = exchange.stats()
        self._used_s = used_s(exchange.pid)

    def begin(self) -> None:
        """Gives the next one a full limit, and a whole minute of it where that matters."""
        if self._case.limited:
            time.sleep(60 - datetime.now(UTC).timestamp() % 60)
        self._exchange.set_limits(reset=True)
        self._before, self._used_s = self._exchange.stats(), used_s(self._exchange.pid)

    def end(self) -> tuple[dict[str, float | None], dict[str, Any]]:
        """Figures, and the stand-in's own words."""
        after = self._exchange.stats()
        figures: dict[str, float | None] = {
            "requests for candles": _added("paths", "/api/v3/klines", self._before, after),
            "other requests": sum(
                _added("paths", path, self._before, after)
                for path in after["paths"]
                if path != "/api/v3/klines"
            ),
            "refused (429)": after["refused_429"] - self._before["refused_429"],
            "banned (418)": after["banned_418"] - self._before["banned_418"],
            "CPU s of the stand-in": used_s(self._exchange.pid) - self._used_s,
        }
        return figures, {"stand-in": {name: after[name] for name in ("paths", "statuses")}}


def _added(kind: str, name: str, before: dict[str, Any], after: dict[str, Any]) -> int:
    return int(after[kind].get(name, 0) - before[kind].get(name, 0))
