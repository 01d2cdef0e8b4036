"""A minute while it forms, and the trades it is made of."""

import json
from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange_sim.klines.encode import encode_row
from exchange_sim.klines.intervals import DAY_MS, HOUR_MS, MINUTE_MS, iso_ms, slot_end, slot_start
from exchange_sim.klines.paging import Query
from exchange_sim.market.fold import add
from exchange_sim.market.forming import part_of_minute
from exchange_sim.market.series import Series
from exchange_sim.market.spec import load_specs
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.market.tape import Tape

SPECS = {spec.symbol: spec for spec in load_specs()}
MINUTE = st.integers(19_500 * 1440, 21_000 * 1440)


@given(
    symbol=st.sampled_from(["BTCUSDT", "PEPEUSDT", "MANTAUSDT", "USDCUSDT"]),
    minute=MINUTE,
    instants=st.lists(st.integers(0, 60_000), min_size=2, max_size=12).map(sorted),
)
@settings(max_examples=60, deadline=None)
def test_a_forming_minute_only_grows_and_ends_as_the_finished_one(
    symbol: str, minute: int, instants: list[int]
) -> None:
    whole = Series(5).minute(SPECS[symbol], minute * MINUTE_MS)
    if whole is None:
        return
    before = None
    for elapsed in [*instants, 60_000]:
        now = part_of_minute(whole, elapsed)
        assert now.low <= min(now.open, now.close) <= max(now.open, now.close) <= now.high
        assert (now.lots == 0) == (now.trades == 0)
        assert now.low * now.lots <= now.quote <= now.high * now.lots
        assert now.taker <= now.lots
        assert now.taker_quote <= now.quote
        if before is not None and before.trades:
            assert now.high >= before.high
            assert now.low <= before.low
            assert now.open == before.open
            assert (now.lots, now.trades, now.taker) >= (before.lots, before.trades, before.taker)
        before = now
    assert before == whole


@given(symbol=st.sampled_from(["BTCUSDT", "MANTAUSDT", "BTTCUSDT"]), minute=MINUTE)
@settings(max_examples=60, deadline=None)
def test_trades_add_up_to_their_minute(symbol: str, minute: int) -> None:
    series = Series(9)
    whole = series.minute(SPECS[symbol], minute * MINUTE_MS)
    trades = Tape(series).minute(SPECS[symbol], minute * MINUTE_MS)
    if whole is None or whole.trades == 0:
        assert trades == []
        return
    assert len(trades) == whole.trades
    assert sum(trade.lots for trade in trades) == whole.lots
    assert sum(trade.lots for trade in trades if not trade.buyer_is_maker) == whole.taker
    assert all(trade.lots > 0 for trade in trades)
    assert (trades[0].price, trades[-1].price) == (whole.open, whole.close)
    assert all(whole.low <= trade.price <= whole.high for trade in trades)
    numbers = [trade.trade_id for trade in trades]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    times = [trade.time_ms for trade in trades]
    assert times == sorted(times)
    assert all(0 <= time - minute * MINUTE_MS < MINUTE_MS for time in times)


def test_trade_numbers_run_on_over_midnight_and_lead_back_to_their_minute() -> None:
    spec, tape = SPECS["ETHUSDT"], Tape(Series(4))
    midnight = 20_010 * DAY_MS
    before = tape.minute(spec, midnight - MINUTE_MS)
    after = tape.minute(spec, midnight)
    assert after[0].trade_id == before[-1].trade_id + 1
    assert tape.locate(spec, after[3].trade_id) == midnight
    assert tape.locate(spec, before[0].trade_id) == midnight - MINUTE_MS


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "1d", "1w", "1M"])
@pytest.mark.parametrize("symbol", ["ETHUSDT", "MANTAUSDT"])
def test_the_last_row_is_the_sum_up_to_the_clock(symbol: str, interval: str) -> None:
    market, spec = SyntheticMarket(8), SPECS[symbol]
    minute = iso_ms("2025-06-18T13:37:00")
    start = slot_start(interval, minute)
    sums = add(Series(8).total(spec, start, minute), None)
    whole = Series(8).minute(spec, minute)
    assert whole is not None
    for elapsed in (0, 1, 20_000, 59_999):
        wanted = add(sums, part_of_minute(whole, elapsed))
        assert wanted is not None
        row = encode_row(
            start,
            slot_end(interval, start) - 1,
            astuple(wanted),
            spec.price_decimals,
            spec.lot_decimals,
        )
        query = Query(symbol, interval, None, None, 1)
        assert market.klines(query, minute + elapsed) == b"[" + row + b"]"


def test_the_forming_row_counts_towards_the_limit_and_obeys_the_bounds() -> None:
    market = SyntheticMarket(8)
    now = iso_ms("2025-06-18T13:37:30")
    opens = [now - now % HOUR_MS - hour * HOUR_MS for hour in (2, 1, 0)]

    def served(start: int | None, end: int | None, limit: int) -> list[int]:
        page = market.klines(Query("BTCUSDT", "1h", start, end, limit), now)
        return [row[0] for row in json.loads(page)]

    assert served(None, None, 3) == opens
    assert served(opens[0], None, 3) == opens
    assert served(opens[0], None, 2) == opens[:2]
    assert served(None, opens[2] - 1, 2) == opens[:2]
    assert served(None, opens[2], 1) == opens[2:]
    assert served(opens[2] + 1, None, 5) == []
    assert served(now + DAY_MS, None, 5) == []
