"""Finished candles of the synthetic market, summed from its minutes."""

from exchange_sim.klines.candle import Candle
from exchange_sim.klines.decimals import fixed8
from exchange_sim.klines.intervals import DAY_MS, FIXED_MS, MINUTE_MS, slot_end, slot_start
from exchange_sim.market.fold import Total
from exchange_sim.market.series import Series
from exchange_sim.market.spec import SymbolSpec


def candle_of(spec: SymbolSpec, open_ms: int, end_ms: int, sums: Total) -> Candle:
    """Return the sum of ``[open_ms, end_ms)`` as a candle."""
    tick, lot = spec.price_decimals, spec.lot_decimals
    return Candle(
        open_ms,
        end_ms - 1,
        fixed8(sums.open, tick),
        fixed8(sums.high, tick),
        fixed8(sums.low, tick),
        fixed8(sums.close, tick),
        fixed8(sums.lots, lot),
        fixed8(sums.quote, tick + lot),
        sums.trades,
        fixed8(sums.taker, lot),
        fixed8(sums.taker_quote, tick + lot),
    )


# Whole numbers of eight-day chunks and of three-day candles.
_STRIDE_DAYS = 24


def folded_candles(
    series: Series, spec: SymbolSpec, interval: str, start_ms: int, end_ms: int
) -> list[Candle]:
    """Return candles of an interval in ``FOLDED`` with ``start_ms <= open_time < end_ms``."""
    step = FIXED_MS[interval]
    found = []
    day = start_ms // DAY_MS // _STRIDE_DAYS * _STRIDE_DAYS
    while day * DAY_MS < end_ms:
        days = _STRIDE_DAYS
        if step < FIXED_MS["1h"]:
            # Finer rows stand for any number of days: make no more than are asked for.
            day = max(day, start_ms // DAY_MS)
            days = min(days, -(-end_ms // DAY_MS) - day)
        rows = series.rows(spec, interval, day, days)
        shown = None if rows.present is None else rows.present.tolist()
        for index, fields in enumerate(rows.values.T.tolist()):
            at = day * DAY_MS + index * step
            if start_ms <= at < end_ms and (shown is None or shown[index]):
                found.append(candle_of(spec, at, at + step, Total(*fields)))
        day += days
    return found


def long_candles(
    series: Series, spec: SymbolSpec, interval: str, start_ms: int, end_ms: int
) -> list[Candle]:
    """Return weeks or months with ``start_ms <= open_time < end_ms``, summed one by one.

    Seconds come back empty: the market knows nothing finer than a minute.
    """
    if FIXED_MS.get(interval, MINUTE_MS) < MINUTE_MS:
        return []
    found = []
    at = slot_start(interval, start_ms)
    if at < start_ms:
        at = slot_end(interval, at)
    while at < end_ms:
        end = slot_end(interval, at)
        sums = series.total(spec, at, end)
        if sums is not None:
            found.append(candle_of(spec, at, end, sums))
        at = end
    return found
