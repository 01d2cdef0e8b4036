"""What makes the events of streams, without clock or socket."""

import json
from typing import Any

import pytest

from exchange_sim.klines.intervals import DAY_MS, HOUR_MS, MINUTE_MS, iso_ms, slot_start
from exchange_sim.klines.paging import Query
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.stream.cadence import close_due, next_turn
from exchange_sim.stream.events import Event, Form
from exchange_sim.stream.sources import Setting, Source, make_source
from exchange_sim.websocket.names import parse_name

MARKET = SyntheticMarket(8)
NOW = iso_ms("2025-06-18T13:37:30")


def source(name: str, now_ms: int = NOW, *, still: bool = False) -> Source:
    made = make_source(parse_name(name), Setting(MARKET, now_ms, still, 2000))
    assert made is not None
    return made


def read(event: Event | None) -> Any:
    assert event is not None
    return json.loads(event.payload(Form()))


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "1d", "3d", "1w", "1M"])
@pytest.mark.parametrize("symbol", ["ETHUSDT", "MANTAUSDT"])
def test_an_update_is_the_last_row_of_rest(symbol: str, interval: str) -> None:
    stream = source(f"{symbol.lower()}@kline_{interval}")
    for at in (NOW, NOW + 1, NOW + 29_999):
        candle = read(stream.update(at, forced=True))["k"]
        (row,) = json.loads(MARKET.klines(Query(symbol, interval, None, None, 1), at))
        assert [candle[name] for name in "tohlcvTqnVQB"] == row
        assert candle["x"] is False
        if candle["n"] and slot_start("1M", candle["t"]) == slot_start("1M", at):
            assert candle["L"] - candle["f"] + 1 == candle["n"]
            assert candle["L"] == MARKET.last_trade_id(symbol, at)


def test_updates_keep_their_turns_and_wait_for_the_final_event() -> None:
    name = "btcusdt@kline_1m"
    end = slot_start("1m", NOW) + MINUTE_MS
    stream = source(name)
    turn = next_turn(name, 2000, NOW)
    assert stream.due_ms() == turn
    assert stream.update(turn - 1) is None
    assert stream.update(turn) is not None
    assert stream.due_ms() == turn + 2000
    stream.update(end - 1)
    # Over, and its final event still on the way: the next candle waits.
    assert stream.update(end, forced=True) is None
    due = close_due(name, end)
    assert stream.due_ms() == due
    assert stream.finals(due - 1, still=False) == []
    ((over, final),) = stream.finals(due, still=False)
    assert (over, read(final)["k"]["x"], read(final)["k"]["t"]) == (end, True, end - MINUTE_MS)
    assert read(stream.update(due, forced=True))["k"]["t"] == end


def test_a_final_event_is_due_with_the_end_of_a_clock_that_stands() -> None:
    stream = source("btcusdt@kline_1m", still=True)
    end = slot_start("1m", NOW) + MINUTE_MS
    assert stream.finals(end - 1, still=True) == []
    assert [over for over, _ in stream.finals(end, still=True)] == [end]
    assert stream.finals(end, still=True) == []


@pytest.mark.parametrize("interval", ["1m", "1h", "1d", "1w", "1M"])
def test_final_events_are_the_truth_with_its_trade_numbers(interval: str) -> None:
    stream = source(f"bnbusdt@kline_{interval}", still=True)
    later = NOW + 70 * DAY_MS if interval in ("1w", "1M") else NOW + 2 * DAY_MS
    found = [read(event)["k"] for _, event in stream.finals(later, still=True)]
    first = slot_start(interval, NOW)
    truth = [c for c in MARKET.candles("BNBUSDT", interval, first, later) if c.close_ms < later]
    assert [candle["c"] for candle in found] == [candle.close for candle in truth[-120:]]
    assert [candle["n"] for candle in found] == [candle.trades for candle in truth[-120:]]
    for candle in found:
        assert candle["f"] == MARKET.first_trade_id("BNBUSDT", candle["t"])
        newest = MARKET.trades_before("BNBUSDT", candle["T"], 1)[0].trade_id
        assert candle["L"] == newest


def test_candles_without_trades_have_no_trade_numbers() -> None:
    stream = source("mantausdt@kline_1m", still=True)
    found = [read(event)["k"] for _, event in stream.finals(NOW + 2 * HOUR_MS, still=True)]
    quiet = [candle for candle in found if candle["n"] == 0]
    assert quiet
    assert {(candle["f"], candle["L"]) for candle in quiet} == {(-1, -1)}


def test_what_does_not_trade_says_nothing() -> None:
    outage = MARKET.outages(NOW - 60 * DAY_MS, NOW)[0]
    at = outage.start_ms + MINUTE_MS
    assert source("btcusdt@kline_1d", at).update(at + 5000) is None
    assert source("nosuchusdt@kline_1m").update(NOW, forced=True) is None
    assert source("btcusdt@kline_1s").update(NOW, forced=True) is None
    assert source("btcusdt@kline_1s").finals(NOW + 5000, still=True) == []
    assert source("nosuchusdt@miniTicker").update(NOW, forced=True) is None
    assert make_source(parse_name("btcusdt@depth"), Setting(MARKET, NOW, True, 2000)) is None


def test_a_ticker_speaks_only_when_something_changed() -> None:
    stream = source("btcusdt@miniTicker")
    turn = stream.due_ms()
    assert stream.update(turn - 1) is None
    first = read(stream.update(turn))
    assert stream.due_ms() == turn + 1000
    assert stream.update(turn, forced=True) is None
    assert read(stream.update(turn + 1000)) != first
    stream.rewind(turn)
    assert read(stream.update(turn, forced=True)) == first
