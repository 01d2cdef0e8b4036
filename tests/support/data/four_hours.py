"""Random warehouses of four-hour candles: six slots a day, so that few days have every case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.gaps import intersect_spans, merge_spans, spans_of_slots, subtract_spans
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.completeness.gaps import record_gaps

T0 = datetime(2024, 3, 28, tzinfo=UTC)
SLOT = timedelta(hours=4)
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")
SLOTS = 48
_VERDICTS = (Verdict.PENDING, Verdict.NO_DATA, Verdict.EXCHANGE_OUTAGE)


def slots(first: int, last: int) -> Span:
    """A range by the numbers of its slots, half-open."""
    return Span(T0 + first * SLOT, T0 + last * SLOT)


def set_clock(engine: Engine, now: datetime) -> None:
    """Sets the exchange's clock, with a CLOSE_GRACE of ten minutes."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO market.exchange_state (identity, rest_url, coingecko_url,"
                " products_url, exchange_time, clock_offset_ms, weight_limit, close_grace)"
                " VALUES ('test', '', '', '', :now, 0, 6000, '10 minutes')"
                " ON CONFLICT (only_row) DO UPDATE SET exchange_time = EXCLUDED.exchange_time"
            ),
            {"now": now},
        )


def want(engine: Engine, symbol: str, first: int | None, end: int | None) -> None:
    """Makes a series wanted between two slots, half-open; with None it is only known."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO market.series (symbol, timeframe, wanted_from, wanted_to)"
                " VALUES (:symbol, '4h', :first, :end)"
            ),
            {
                "symbol": symbol,
                "first": None if first is None else T0 + first * SLOT,
                "end": None if end is None else T0 + end * SLOT,
            },
        )


def store(engine: Engine, symbol: str, opens: list[datetime]) -> None:
    """Writes candles with these open times, as the collector does."""
    series = Series(symbol, Timeframe.H4)
    rows = "".join(
        f"{symbol}\t{to_ms(moment)}\t1\t3\t0.5\t2\t7\t{to_ms(moment) + 9999}\t14\t5\t3\t7\n"
        for moment in sorted(opens)
    )
    span = Span(min(opens), max(opens) + SLOT)
    with engine.begin() as connection:
        lock_series(connection, [series])
        write_candles(connection, [CheckedPage(series, span, Source.REST, CandleRows(rows))])


def fill(engine: Engine, symbol: str, random: Random) -> list[Span]:
    """Stores candles on and off the grid, and gaps in some of the holes; returns the candles."""
    held = _choose_slots(random)
    # Two in one slot count once, and one off the grid fills its slot.
    moved = [slot + SLOT / 3 for slot in held if random.random() < 0.1]
    gone = {slot for slot in held if random.random() < 0.05 and slot + SLOT / 3 in moved}
    store(engine, symbol, [*(slot for slot in held if slot not in gone), *moved])
    spans = spans_of_slots(held, Timeframe.H4)
    holes = subtract_spans([slots(-6, SLOTS + 6)], spans)
    asked = merge_spans(
        slots(first, first + random.randrange(1, 9))
        for first in (random.randrange(-6, SLOTS) for _ in range(random.randrange(8)))
    )
    gaps = [Gap(span, random.choice(_VERDICTS)) for span in intersect_spans(holes, asked)]
    with engine.begin() as connection:
        record_gaps(connection, Timeframe.H4, {symbol: gaps}, T0)
    return spans


def _choose_slots(random: Random) -> list[datetime]:
    """Runs of slots: whole days, days with a hole, and days with nothing."""
    chosen = set[int]()
    for _ in range(random.randrange(1, 5)):
        first = random.randrange(SLOTS)
        chosen.update(range(first, min(SLOTS, first + random.randrange(1, 30))))
    lost = {slot for slot in chosen if random.random() < 0.05}
    return [T0 + slot * SLOT for slot in sorted(chosen - lost or chosen)]
