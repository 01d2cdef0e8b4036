"""What validating costs: one day of what is streamed, and histories of several sizes.

Every validation is a process of its own, so that its memory is its own. The server does not
wait for its disk: nothing here is about writing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from benchmarks.measuring.bounded import run_bounded
from benchmarks.measuring.processes import ALL_CORES, pin
from benchmarks.measuring.results import Options, Result
from benchmarks.warehouses.history import GRACE, NOW, SYMBOLS, grow_through, tidy
from benchmarks.warehouses.servers import find_kinds, warehouse
from candlehouse.core.timeframe import DAY, Timeframe
from candlehouse.storage.database.engine import connect

PART = "validation"
COMPARE = "seconds"
_FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB"}
_MOST_S = 3600.0
_TESTS = Path(__file__).parents[2]
_PATH = f"{_TESTS}{os.pathsep}{_TESTS.parent / 'include'}"
_DAY_START = NOW.replace(hour=0)
_STREAMED = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1)
_INSERT_MINUTES = """
INSERT INTO market.candles_1m (
    symbol, open_time, close_time, open, high, low, close, volume, quote_volume, trades,
    taker_buy_volume, taker_buy_quote_volume, source)
SELECT s.symbol, t.open_time, t.open_time + interval '59.999 s', n.price, n.price + 0.75,
    n.price - 0.5, n.price + 0.25, n.amount, n.price * n.amount, n.number % 900 + 1, n.amount / 2,
    n.price * n.amount / 2, 'rest'
FROM unnest(CAST(:symbols AS text[])) AS s (symbol)
CROSS JOIN generate_series(CAST(:start AS timestamptz), :last, interval '1 minute') AS t (open_time)
CROSS JOIN LATERAL (
    SELECT k.number, 40000 + (k.number % 7919)::numeric / 100 AS price,
        (k.number % 6101)::numeric / 1000 + 1 AS amount
    FROM (SELECT extract(epoch FROM t.open_time)::bigint / 60 AS number OFFSET 0) AS k
) AS n
ORDER BY t.open_time, s.symbol
"""
_FOLD_MINUTES = """
INSERT INTO market.candles_{timeframe} (
    symbol, open_time, close_time, open, high, low, close, volume, quote_volume, trades,
    taker_buy_volume, taker_buy_quote_volume, source)
SELECT c.symbol, date_bin(:length, c.open_time, 'epoch') AS slot, max(c.close_time),
    (array_agg(c.open ORDER BY c.open_time))[1], max(c.high), min(c.low),
    (array_agg(c.close ORDER BY c.open_time DESC))[1], sum(c.volume), sum(c.quote_volume),
    sum(c.trades), sum(c.taker_buy_volume), sum(c.taker_buy_quote_volume), 'rest'
FROM market.candles_1m AS c
GROUP BY c.symbol, slot
ORDER BY slot, c.symbol
"""
_COUNT = """
INSERT INTO market.coverage_days (symbol, timeframe, day, present_slots)
SELECT c.symbol, c.timeframe, (c.open_time AT TIME ZONE 'UTC')::date, count(*)
FROM market.candles AS c
GROUP BY 1, 2, 3
"""
_WANT = """
INSERT INTO market.series (symbol, timeframe, first_open_time, wanted_from)
SELECT h.symbol, h.timeframe, :start, :start FROM market.coverage_days AS h
"""
_SET_CLOCK = """
INSERT INTO market.exchange_state (
    identity, rest_url, coingecko_url, products_url, exchange_time, clock_offset_ms,
    weight_limit, close_grace)
VALUES ('benchmark', '', '', '', :now, 0, 6000, :grace)
"""


def run(options: Options) -> Iterator[Result]:
    """Every kind of warehouse: a day, and then each size of history, smallest first."""
    # The server does most of the work, and it has the machine.
    pin(ALL_CORES)
    for kind in find_kinds():
        for number in range(options.repeats):
            yield _run_day(kind, number)
        yield from _run_histories(kind, sorted(options.candles))


def _run_day(kind: str, number: int) -> Result:
    with warehouse(kind, _FAST) as (url, folder):
        engine = connect(url)
        try:
            store_day(engine)
            tidy(engine, kind)
        finally:
            engine.dispose()
        case = f"a day of {len(SYMBOLS)} symbols in {','.join(map(str, _STREAMED))}"
        return Result(PART, case, kind, number, _measure(url, folder), COMPARE)


def _run_histories(kind: str, sizes: list[int]) -> Iterator[Result]:
    with warehouse(kind, _FAST) as (url, folder):
        engine = connect(url)
        try:
            for size in grow_through(engine, kind, sizes):
                case = f"{kind}, {len(SYMBOLS)} series of 5m"
                figures = _measure(url, folder)
                yield Result(PART, case, f"{size:,} candles", 0, figures, COMPARE)
        finally:
            engine.dispose()


def store_day(engine: Engine) -> None:
    """Fills an empty warehouse with a day of all that is streamed, each timeframe exactly the sum.

    The exchange's clock is at the end of that day.
    """
    with engine.begin() as connection:
        last = _DAY_START + DAY - timedelta(minutes=1)
        values = {"symbols": list(SYMBOLS), "start": _DAY_START, "last": last}
        connection.execute(text(_INSERT_MINUTES), values)
        for timeframe in _STREAMED[1:]:
            sql = _FOLD_MINUTES.replace("{timeframe}", timeframe.value)
            connection.execute(text(sql), {"length": timeframe.length})
        _want(connection)


def _want(connection: Connection) -> None:
    connection.execute(text(_COUNT))
    connection.execute(text(_WANT), {"start": _DAY_START})
    connection.execute(text(_SET_CLOCK), {"now": _DAY_START + DAY, "grace": GRACE})


def _measure(url: str, folder: Path) -> Mapping[str, float | None]:
    command = [sys.executable, "-m", "benchmarks.parts.validating", url, str(folder / "pages")]
    done = run_bounded(command, {**os.environ, "PYTHONPATH": _PATH}, folder, _MOST_S)
    if done.code != 0:
        raise AssertionError(f"validation failed: {done.complaint}")
    figures: dict[str, float | None] = json.loads(done.said)
    return {**figures, "CPU s": done.cpu_s}
