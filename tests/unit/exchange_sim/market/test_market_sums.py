"""Every timeframe is the exact sum of its minutes, whatever the symbol, day and seed."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange_sim.klines.candle import Candle
from exchange_sim.klines.intervals import DAY_MS, FIXED_MS, HOUR_MS, MINUTE_MS
from exchange_sim.klines.paging import Query
from exchange_sim.market.lives import outage_in_period
from exchange_sim.market.spec import load_specs
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.market.walk import generate

SPECS = {spec.symbol: spec for spec in load_specs()}
FIRST_DAY, LAST_DAY = 17_600, 21_900  # 2018 to 2029

seeds = st.integers(min_value=0, max_value=2**31)
days = st.integers(min_value=FIRST_DAY, max_value=LAST_DAY)
symbols = st.sampled_from(sorted(SPECS))


def outage_days(seed: int) -> st.SearchStrategy[int]:
    """Days on which an outage begins: the hard ones, which chance would seldom pick."""
    periods = st.integers(min_value=FIRST_DAY // 28 + 1, max_value=LAST_DAY // 28)
    return periods.map(lambda period: outage_in_period(seed, period).start_ms // DAY_MS)


def added(minutes: list[Candle], interval: str) -> dict[int, tuple[object, ...]]:
    """Add minutes up with decimals, row by row: shares nothing with the code under test."""
    slots: dict[int, list[Candle]] = {}
    for minute in minutes:
        slots.setdefault(minute.open_ms // FIXED_MS[interval], []).append(minute)
    return {
        slot * FIXED_MS[interval]: (
            rows[0].open,
            max((row.high for row in rows), key=Decimal),
            min((row.low for row in rows), key=Decimal),
            rows[-1].close,
            sum(Decimal(row.volume) for row in rows),
            sum(Decimal(row.quote_volume) for row in rows),
            sum(row.trades for row in rows),
            sum(Decimal(row.taker_volume) for row in rows),
            sum(Decimal(row.taker_quote_volume) for row in rows),
        )
        for slot, rows in slots.items()
    }


def numbers(row: list[object]) -> tuple[object, ...]:
    """The nine numbers of a served row, volumes as decimals."""
    _, opened, high, low, closed, volume, _, quote, trades, taker, taker_quote, unused = row
    assert unused == "0"
    sums = (Decimal(str(volume)), Decimal(str(quote)), trades)
    return opened, high, low, closed, *sums, Decimal(str(taker)), Decimal(str(taker_quote))


@pytest.mark.parametrize("interval", ["5m", "15m", "30m", "1h", "2h", "4h", "12h", "1d"])
@given(data=st.data(), seed=seeds, symbol=symbols)
@settings(max_examples=12, deadline=None)
def test_served_candles_are_the_sum_of_the_minutes(
    data: st.DataObject, interval: str, seed: int, symbol: str
) -> None:
    day = data.draw(st.one_of(days, outage_days(seed)))
    market = SyntheticMarket(seed)
    start, end = day * DAY_MS, (day + 1) * DAY_MS
    wanted = added(market.candles(symbol, "1m", start, end), interval)
    now = end + 10 * DAY_MS
    served = json.loads(market.klines(Query(symbol, interval, start, end - 1, 1000), now))
    assert {row[0]: numbers(row) for row in served} == wanted
    assert served == [candle.row() for candle in market.candles(symbol, interval, start, end)]


@given(seed=seeds, symbol=symbols, day=days, before=st.integers(0, 9), after=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_day_alone_equals_the_same_day_of_a_longer_walk(
    seed: int, symbol: str, day: int, before: int, after: int
) -> None:
    alone = generate(seed, SPECS[symbol], day)
    longer = generate(seed, SPECS[symbol], day - before, before + 1 + after)
    first = before * 1440
    assert (longer.values[:, first : first + 1440] == alone.values).all()
    shown = [True] * 1440 if alone.present is None else alone.present.tolist()
    held = longer.present
    assert shown == ([True] * 1440 if held is None else held[first : first + 1440].tolist())


@given(data=st.data(), seed=seeds, symbol=symbols)
@settings(max_examples=40, deadline=None)
def test_minutes_keep_the_invariants_of_real_ones(
    data: st.DataObject, seed: int, symbol: str
) -> None:
    day = data.draw(st.one_of(days, outage_days(seed)))
    rows = SyntheticMarket(seed).candles(symbol, "1m", day * DAY_MS, (day + 1) * DAY_MS)
    for row in rows:
        opened, high, low, closed = map(Decimal, (row.open, row.high, row.low, row.close))
        volume, quote, taker, taker_quote = map(
            Decimal, (row.volume, row.quote_volume, row.taker_volume, row.taker_quote_volume)
        )
        assert 0 < low <= min(opened, closed) <= max(opened, closed) <= high
        assert (volume == 0) == (row.trades == 0)
        assert 0 <= taker <= volume
        assert 0 <= taker_quote <= quote
        assert low * volume <= quote <= high * volume
        assert low * taker <= taker_quote <= high * taker
        assert row.open_ms % MINUTE_MS == 0
        assert row.close_ms == row.open_ms + MINUTE_MS - 1
        if row.trades == 0:
            assert opened == high == low == closed
            assert quote == taker == taker_quote == 0


@given(data=st.data(), seed=seeds, symbol=symbols)
@settings(max_examples=40, deadline=None)
def test_each_minute_opens_where_the_last_one_closed(
    data: st.DataObject, seed: int, symbol: str
) -> None:
    # Two days, so that a midnight is inside; outages too, over which prices stand still.
    day = data.draw(st.one_of(days, outage_days(seed)))
    rows = SyntheticMarket(seed).candles(symbol, "1m", day * DAY_MS, (day + 2) * DAY_MS)
    tick = Decimal(1).scaleb(-SPECS[symbol].price_decimals)
    for last, row in pairwise(rows):
        assert abs(Decimal(row.open) - Decimal(last.close)) <= tick
        if row.trades == 0:
            assert row.open == last.close
        # No minute moves a coin by a tenth.
        assert Decimal(row.high) <= Decimal(row.low) * Decimal("1.1") + 2 * tick


@given(seed=seeds, day=st.integers(FIRST_DAY, LAST_DAY - 60))
@settings(max_examples=30, deadline=None)
def test_any_sixty_days_hold_an_outage_in_which_no_symbol_has_rows(seed: int, day: int) -> None:
    market = SyntheticMarket(seed)
    found = market.outages(day * DAY_MS, (day + 60) * DAY_MS)
    assert found
    for span in found[:1]:
        assert 10 * MINUTE_MS <= span.end_ms - span.start_ms <= 4 * HOUR_MS
        for symbol in ("BTCUSDT", "ETHUSDT", "LTCUSDT", "BNBUSDT"):
            around = (span.start_ms - MINUTE_MS, span.end_ms + MINUTE_MS)
            opens = [candle.open_ms for candle in market.candles(symbol, "1m", *around)]
            listed = market.listing(symbol).listed_ms
            assert opens == [at for at in (around[0], span.end_ms) if at >= listed]


def test_a_wholly_dark_hour_has_no_row_and_a_partly_dark_one_has_the_rest() -> None:
    market = SyntheticMarket(3)
    spans = market.outages(20_000 * DAY_MS, 20_400 * DAY_MS)
    hours = {
        hour
        for span in spans
        for hour in range(-(-span.start_ms // HOUR_MS), span.end_ms // HOUR_MS)
    }
    assert hours
    for hour in hours:
        assert market.candles("BTCUSDT", "1h", hour * HOUR_MS, (hour + 1) * HOUR_MS) == []
        assert market.candles("BTCUSDT", "1h", (hour - 5) * HOUR_MS, hour * HOUR_MS)


def test_a_hole_is_in_one_symbol_only() -> None:
    market = SyntheticMarket(11)
    (hole, *_) = market.holes("LINKUSDT", 20_100 * DAY_MS, 20_400 * DAY_MS)
    assert market.candles("LINKUSDT", "1m", hole.start_ms, hole.end_ms) == []
    minutes = (hole.end_ms - hole.start_ms) // MINUTE_MS
    assert len(market.candles("BTCUSDT", "1m", hole.start_ms, hole.end_ms)) == minutes
    assert market.holes("BTCUSDT", 0, 21_000 * DAY_MS) == []


def test_a_listing_in_the_middle_of_an_hour_begins_at_its_slot_in_each_interval() -> None:
    market = SyntheticMarket(5)
    listed = market.listing("ONDOUSDT").listed_ms
    assert listed % HOUR_MS == 30 * MINUTE_MS
    for interval in ("1m", "5m", "15m", "30m", "1h", "4h", "1d"):
        first = market.candles("ONDOUSDT", interval, 0, listed + 3 * DAY_MS)[0]
        step = FIXED_MS[interval]
        assert first.open_ms == listed // step * step
        assert first.open == market.candles("ONDOUSDT", "1m", 0, listed + MINUTE_MS)[0].open


def test_a_delisted_symbol_ends_with_its_last_minute() -> None:
    market = SyntheticMarket(5)
    ended = market.listing("MATICUSDT").delisted_ms
    assert ended is not None
    last = market.candles("MATICUSDT", "1m", ended - DAY_MS, ended + DAY_MS)[-1]
    assert last.close_ms == ended - 1
    assert market.instrument("MATICUSDT", ended - 1).status == "TRADING"  # type: ignore[union-attr]
    assert market.instrument("MATICUSDT", ended).status == "BREAK"  # type: ignore[union-attr]


def test_an_illiquid_symbol_has_minutes_without_trades() -> None:
    market = SyntheticMarket(2)
    rows = market.candles("MANTAUSDT", "1m", 20_200 * DAY_MS, 20_201 * DAY_MS)
    quiet = [row for row in rows if row.trades == 0]
    assert 200 < len(quiet) < 600
    busy = market.candles("BTCUSDT", "1m", 20_200 * DAY_MS, 20_201 * DAY_MS)
    assert all(row.trades for row in busy)


def test_volumes_pass_a_trillion() -> None:
    market = SyntheticMarket(2)
    (day,) = market.candles("PEPEUSDT", "1d", 20_200 * DAY_MS, 20_201 * DAY_MS)
    assert Decimal(day.volume) > 10**12


def test_seeds_differ_and_repeat() -> None:
    def day(seed: int) -> list[Candle]:
        return SyntheticMarket(seed).candles("ETHUSDT", "1h", 20_000 * DAY_MS, 20_001 * DAY_MS)

    assert day(1) == day(1)
    assert day(1) != day(2)


def test_a_symbol_listed_during_an_outage_has_a_price_and_no_rows_yet() -> None:
    listed = SyntheticMarket(0).listing("ONDOUSDT").listed_ms
    period = listed // (28 * DAY_MS)
    dark = (s for s in range(100_000) if outage_in_period(s, period).overlaps(listed, listed + 1))
    market = SyntheticMarket(next(dark))
    (outage,) = market.outages(listed, listed + 1)
    now = listed + MINUTE_MS
    assert market.instrument("ONDOUSDT", now) is not None
    ticks, decimals = market.last_price("ONDOUSDT", now)
    assert (ticks > 0, decimals) == (True, 4)
    assert market.klines(Query("ONDOUSDT", "1m", None, None, 5), now) == b"[]"
    assert market.stretch("ONDOUSDT", listed, now) is None
    first = market.candles("ONDOUSDT", "1m", listed, listed + DAY_MS)[0]
    assert first.open_ms == outage.end_ms
    assert first.trades
