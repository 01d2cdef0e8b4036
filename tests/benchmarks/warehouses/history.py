"""Warehouses with years of candles, made by the server itself; their history grows backwards.

What lies between the candles is the same in warehouses of every size: outages that are
explained, and a slot a series that nobody has asked for yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from benchmarks.warehouses.servers import TIMESCALE
from candlehouse.core.model import Span
from candlehouse.core.timeframe import DAY, Timeframe
from candlehouse.storage.upkeep.maintenance import convert_old_chunks, refresh_statistics

TIMEFRAME = Timeframe.M5
SYMBOLS = tuple(f"COIN{number:02}USDT" for number in range(52))
# Exchange time: in the middle of a day, so that the newest one is short.
NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
GRACE = timedelta(minutes=10)
# Every second day has one, from the day before yesterday back.
OUTAGES = 30
_OUTAGE_HOURS = (6, 8)
_SLICE = 30 * DAY
_NEWEST = NOW - timedelta(hours=NOW.hour)

_INSERT_CANDLES = f"""
INSERT INTO market.candles_{TIMEFRAME} (
    symbol, open_time, close_time, open, high, low, close, volume, quote_volume, trades,
    taker_buy_volume, taker_buy_quote_volume, source)
SELECT s.symbol, t.open_time, t.open_time + CAST(:length AS interval) - interval '1 ms',
    n.price, n.price + 0.75, n.price - 0.5, n.price + 0.25, n.amount, n.price * n.amount,
    n.number % 900 + 1, n.amount / 2, n.price * n.amount / 2, 'archive'
FROM unnest(CAST(:symbols AS text[])) AS s (symbol)
CROSS JOIN generate_series(
    CAST(:start AS timestamptz), CAST(:end AS timestamptz) - CAST(:length AS interval), :length
) AS t (open_time)
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM t.open_time)::bigint / 60 AS number
    OFFSET 0
) AS k
CROSS JOIN LATERAL (
    SELECT k.number, 40000 + (k.number % 7919)::numeric / 100 AS price,
        (k.number % 6101)::numeric / 1000 + 1 AS amount
) AS n
WHERE NOT EXISTS (
    SELECT
    FROM unnest(CAST(:holes_from AS timestamptz[]), CAST(:holes_to AS timestamptz[]))
        AS h (hole_start, hole_end)
    WHERE t.open_time >= h.hole_start AND t.open_time < h.hole_end
)
ORDER BY t.open_time, s.symbol
"""

_COUNT_DAYS = f"""
INSERT INTO market.coverage_days (symbol, timeframe, day, present_slots)
SELECT symbol, '{TIMEFRAME}', (open_time AT TIME ZONE 'UTC')::date, count(*)
FROM market.candles_{TIMEFRAME}
WHERE open_time >= :start AND open_time < :end
GROUP BY 1, 3
"""

_WANT = f"""
INSERT INTO market.series (symbol, timeframe, first_open_time, wanted_from)
SELECT s.symbol, '{TIMEFRAME}', :start, :start
FROM unnest(CAST(:symbols AS text[])) AS s (symbol)
ON CONFLICT (symbol, timeframe) DO UPDATE
SET first_open_time = EXCLUDED.first_open_time, wanted_from = EXCLUDED.wanted_from
"""

_TOUCH_STATE = f"""
INSERT INTO market.collector_state (symbol, timeframe, first_open_time, last_open_time)
SELECT s.symbol, '{TIMEFRAME}', :start, :last
FROM unnest(CAST(:symbols AS text[])) AS s (symbol)
ON CONFLICT (symbol, timeframe) DO UPDATE SET first_open_time = EXCLUDED.first_open_time
"""

_EXPLAIN = f"""
INSERT INTO market.gaps (
    symbol, timeframe, gap_start, gap_end, candles_missing, verdict, evidence, checked_at)
SELECT s.symbol, '{TIMEFRAME}', h.hole_start, h.hole_end,
    extract(epoch FROM h.hole_end - h.hole_start) / extract(epoch FROM CAST(:length AS interval)),
    'exchange_outage', '{{"witnesses": 51}}', :now
FROM unnest(CAST(:symbols AS text[])) AS s (symbol)
CROSS JOIN unnest(CAST(:holes_from AS timestamptz[]), CAST(:holes_to AS timestamptz[]))
    AS h (hole_start, hole_end)
"""

_SET_CLOCK = """
INSERT INTO market.exchange_state (
    identity, rest_url, coingecko_url, products_url, exchange_time, clock_offset_ms,
    weight_limit, close_grace)
VALUES ('benchmark', '', '', '', :now, 0, 6000, :grace)
"""


def begin_of(candles: int) -> datetime:
    """The UTC midnight from which on all series together have about that many slots."""
    return _NEWEST - candles // (len(SYMBOLS) * TIMEFRAME.slots_per_day) * DAY


def find_outages(begin: datetime) -> list[Span]:
    """Ranges without a candle of anybody, all explained, not before `begin`; the newest first."""
    first, last = (timedelta(hours=hour) for hour in _OUTAGE_HOURS)
    days = [_NEWEST - 2 * number * DAY for number in range(1, OUTAGES + 1)]
    return [Span(day + first, day + last) for day in days if day >= begin]


def grow_through(engine: Engine, kind: str, sizes: Iterable[int]) -> Iterator[int]:
    """Grows a history to each size in turn, smallest first, and gives the size when it is there.

    Args:
        engine: of a migrated, empty warehouse of the benchmark's own.
        kind: of the warehouse.
        sizes: in candles, ascending.
    """
    begin = None
    for size in sizes:
        begin, end = begin_of(size), begin
        grow_history(engine, begin, end)
        tidy(engine, kind)
        yield size


def tidy(engine: Engine, kind: str) -> None:
    """What daily maintenance and the server's own vacuum leave behind."""
    if kind == TIMESCALE:
        convert_old_chunks(engine, NOW)
    refresh_statistics(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def grow_history(engine: Engine, begin: datetime, end: datetime | None = None) -> None:
    """Adds candles before the oldest; the first time, also what there is once.

    Args:
        engine: of a migrated warehouse of the benchmark's own.
        begin: a UTC midnight; the first time far enough back for the outages.
        end: where the history begins so far; None in an empty warehouse.
    """
    # Not asked for yet by anybody: the slot in the middle of yesterday's first hour.
    unasked = Span(_NEWEST - DAY + 6 * TIMEFRAME.length, _NEWEST - DAY + 7 * TIMEFRAME.length)
    outages = find_outages(begin) if end is None else []
    values = {
        "symbols": list(SYMBOLS),
        "length": TIMEFRAME.length,
        "holes_from": [unasked.start, *(span.start for span in outages)],
        "holes_to": [unasked.end, *(span.end for span in outages)],
    }
    to = end or NOW
    while to > begin:
        since = max(begin, (to - _SLICE).replace(hour=0))
        with engine.begin() as connection:
            bounds = {**values, "start": since, "end": to}
            connection.execute(text(_INSERT_CANDLES), bounds)
            connection.execute(text(_COUNT_DAYS), {"start": since, "end": to})
        to = since
    with engine.begin() as connection:
        if end is None:
            _explain(connection, outages)
        dates = {"symbols": list(SYMBOLS), "start": begin}
        connection.execute(text(_WANT), dates)
        connection.execute(text(_TOUCH_STATE), {**dates, "last": NOW - TIMEFRAME.length})


def _explain(connection: Connection, outages: list[Span]) -> None:
    values = {
        "symbols": list(SYMBOLS),
        "length": TIMEFRAME.length,
        "holes_from": [span.start for span in outages],
        "holes_to": [span.end for span in outages],
        "now": NOW,
    }
    connection.execute(text(_EXPLAIN), values)
    # What has closed within the grace is held already, and nobody could miss it.
    connection.execute(text(_SET_CLOCK), {"now": NOW, "grace": GRACE})
