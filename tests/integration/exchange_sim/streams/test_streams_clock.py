"""Streams and REST tell one story, whatever the clock does."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from exchange_sim.klines.intervals import HOUR_MS, INTERVALS, MINUTE_MS, iso_ms
from exchange_sim.market.lives import Span
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.testing import running
from integration.exchange_sim.listener import Listener

SEED = 42
COLUMNS = ["t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B"]
SERVED = [interval for interval in INTERVALS if interval != "1s"]


def row_of(event: Any) -> list[Any]:
    """Return the candle of an event in the order of a row of REST."""
    return [event["k"][column] for column in COLUMNS]


def klines(get: Any, symbol: str, interval: str, **query: Any) -> list[list[Any]]:
    rows: list[list[Any]] = get(
        "/api/v3/klines", symbol=symbol, interval=interval, limit=1000, **query
    ).json
    return rows


@pytest.mark.parametrize("symbol", ["BTCUSDT", "MANTAUSDT"])
def test_stream_and_rest_agree_at_every_moment_of_a_clock_that_stands(
    exchange: Any, listen: Any, get: Any, symbol: str
) -> None:
    names = [f"{symbol.lower()}@kline_{interval}" for interval in SERVED]
    stream = listen("/ws/" + "/".join(names))
    at = exchange.now_ms()
    for step in (1, 999, 27_000, 1000, 1, 59_999, MINUTE_MS, 13 * MINUTE_MS, 2 * HOUR_MS):
        before, at = at, exchange.set_clock(advance_ms=step)
        events = stream.rest()
        assert {event["E"] for event in events} == {at}
        for interval in SERVED:
            told = [row_of(event) for event in events if event["k"]["i"] == interval]
            shown = klines(get, symbol, interval)
            # Whatever was unfinished at the last look, and everything since.
            assert told == [row for row in shown if row[6] >= before]
            finished = [e["k"]["x"] for e in events if e["k"]["i"] == interval]
            assert finished == [row[6] < at for row in told]


def test_final_events_of_an_hours_end_are_the_rows_that_rest_serves(
    exchange: Any, listen: Any, get: Any
) -> None:
    intervals = ["1m", "5m", "15m", "1h"]
    exchange.set_clock("2026-05-20T10:59:58")
    stream = listen("/ws/" + "/".join(f"ethusdt@kline_{interval}" for interval in intervals))
    end = iso_ms("2026-05-20T11:00:00")
    exchange.set_clock(end - 1)
    assert not any(event["k"]["x"] for event in stream.rest())
    exchange.set_clock(end)
    final = [event for event in stream.rest() if event["k"]["x"]]
    assert [event["k"]["i"] for event in final] == intervals
    for event in final:
        assert [row_of(event)] == klines(
            get, "ETHUSDT", event["k"]["i"], startTime=event["k"]["t"], endTime=event["k"]["t"]
        )


def test_a_long_jump_sends_the_newest_candles_of_all_streams_in_order_of_time(
    exchange: Any, listen: Any
) -> None:
    stream = listen("/ws/bnbusdt@kline_1m/bnbusdt@kline_5m")
    at = exchange.set_clock(advance_ms=5 * HOUR_MS)
    events = stream.rest()
    final = [event["k"] for event in events if event["k"]["x"]]
    assert [event["k"]["x"] for event in events] == [True] * len(final) + [False] * 2
    closes = [candle["T"] for candle in final]
    assert closes == sorted(closes)
    minutes = [candle["t"] for candle in final if candle["i"] == "1m"]
    last = at // MINUTE_MS * MINUTE_MS
    assert minutes == list(range(last - 120 * MINUTE_MS, last, MINUTE_MS))
    assert sum(candle["i"] == "5m" for candle in final) == 60


def test_a_clock_that_stands_says_nothing_by_itself_and_one_set_back_begins_anew(
    exchange: Any, listen: Any
) -> None:
    stream = listen("/ws/btcusdt@kline_1m")
    assert stream.rest() == []
    start = exchange.now_ms()
    exchange.set_clock(start + 10 * MINUTE_MS)
    assert len(stream.rest()) == 11
    exchange.set_clock(start)
    assert [event["k"]["x"] for event in stream.rest()] == [False]
    exchange.set_clock(start + MINUTE_MS)
    assert [event["k"]["x"] for event in stream.rest()] == [True, False]


def test_a_running_clock_closes_every_candle_of_an_hours_end_and_updates_between() -> None:
    intervals = ["1m", "5m", "15m", "1h"]
    symbols = ["BTCUSDT", "ETHUSDT"]
    names = [f"{symbol.lower()}@kline_{i}" for symbol in symbols for i in intervals]
    with (
        running(seed=SEED, clock="2026-05-20T10:58:30", speed=60, ping_s=3600) as exchange,
        Listener(exchange, "/ws/" + "/".join(names)) as stream,
    ):
        end = iso_ms("2026-05-20T11:02:00")
        events = stream.until(lambda event: event["k"]["t"] >= end)
    market = SyntheticMarket(SEED)
    for symbol, interval in itertools.product(symbols, intervals):
        mine = [e for e in events if (e["s"], e["k"]["i"]) == (symbol, interval)]
        final = [e for e in mine if e["k"]["x"]]
        opened = [e["k"]["t"] for e in final]
        truth = {c.open_ms: c.row() for c in market.candles(symbol, interval, opened[0], end)}
        assert all(row_of(e) == truth[e["k"]["t"]] for e in final)
        # Nothing is left out, nothing comes twice, and never before the candle is over.
        assert opened == sorted(set(truth) & set(range(opened[0], opened[-1] + 1)))
        assert all(e["E"] >= e["k"]["T"] + 3 for e in final)
        assert any(e["k"]["T"] + 1 == iso_ms("2026-05-20T11:00:00") for e in final)
        for before, after in itertools.pairwise(mine):
            assert before["E"] <= after["E"]
            assert before["k"]["x"] == (before["k"]["t"] < after["k"]["t"])


def outage_of(length_ms: int) -> Span:
    """Return an exchange-wide outage of at least some length."""
    spans = SyntheticMarket(SEED).outages(iso_ms("2025-06-01"), iso_ms("2026-06-01"))
    return next(span for span in spans if span.end_ms - span.start_ms >= length_ms)


def test_an_outage_of_the_exchange_is_silent_but_for_candles_that_have_a_row(
    exchange: Any, listen: Any, get: Any
) -> None:
    span = outage_of(2 * HOUR_MS)
    exchange.set_clock(span.start_ms - 90_000)
    stream = listen("/ws/btcusdt@kline_1m/ethusdt@kline_1m/btcusdt@kline_1h")
    exchange.set_clock(span.start_ms + 1)
    exchange.set_clock(span.end_ms - 1)
    events = stream.rest()
    assert all(event["k"]["t"] < span.start_ms for event in events)
    assert all(event["k"]["x"] for event in events)
    assert sum(event["k"]["i"] == "1m" for event in events) == 4
    hours = [row_of(event) for event in events if event["k"]["i"] == "1h"]
    assert hours == [
        row
        for row in klines(get, "BTCUSDT", "1h", startTime=span.start_ms - HOUR_MS)
        if row[6] < span.end_ms - 1 and row[6] >= span.start_ms - 90_000
    ]
    exchange.set_clock(span.end_ms)
    assert {event["k"]["i"] for event in stream.rest()} == {"1m", "1h"}


def test_a_hole_silences_its_own_symbol_only(exchange: Any, listen: Any) -> None:
    market = SyntheticMarket(SEED)
    hole = market.holes("LINKUSDT", iso_ms("2026-01-01"), iso_ms("2026-05-01"))[0]
    exchange.set_clock(hole.start_ms)
    stream = listen("/ws/linkusdt@kline_1m/btcusdt@kline_1m")
    exchange.set_clock(hole.end_ms - 1)
    told = stream.rest()
    assert told
    assert {event["s"] for event in told} == {"BTCUSDT"}
    exchange.set_clock(hole.end_ms)
    assert {event["s"] for event in stream.rest()} == {"BTCUSDT", "LINKUSDT"}


def test_a_market_speaks_from_its_listing_to_its_delisting(exchange: Any, listen: Any) -> None:
    life = SyntheticMarket(SEED).listing("LOOMUSDT")
    assert life.delisted_ms is not None
    exchange.set_clock(life.listed_ms - 1)
    stream = listen("/ws/loomusdt@kline_1m")
    assert stream.rest() == []
    exchange.set_clock(life.listed_ms + 1)
    assert [event["k"]["t"] for event in stream.rest()] == [life.listed_ms]
    exchange.set_clock(life.delisted_ms - 1)
    stream.rest()
    exchange.set_clock(life.delisted_ms)
    assert [event["k"]["x"] for event in stream.rest()] == [True]
    exchange.set_clock(life.delisted_ms + HOUR_MS)
    assert stream.rest() == []


def test_a_folders_candles_come_as_final_events(tmp_path: Path) -> None:
    start = iso_ms("2025-03-01")
    rows = [
        f"{at},1.5,2.5,1.0,2.0,10,{at + HOUR_MS - 1},15,{3 if at > start else 0},4,6,0"
        for at in (start, start + HOUR_MS, start + 3 * HOUR_MS)
    ]
    (tmp_path / "BTCUSDT-1h-2025-03-01.csv").write_text("\n".join(rows), "ascii")
    with (
        running(folder=tmp_path, clock="2025-03-01", frozen=True, ping_s=3600) as exchange,
        Listener(exchange, "/ws/btcusdt@kline_1h/btcusdt@miniTicker") as stream,
    ):
        exchange.set_clock(start + 4 * HOUR_MS)
        *candles, ticker = stream.rest()
    assert [(event["k"]["t"] - start) // HOUR_MS for event in candles] == [0, 1, 3]
    assert all(event["k"]["x"] for event in candles)
    assert row_of(candles[1]) == [
        start + HOUR_MS, "1.5", "2.5", "1.0", "2.0", "10", start + 2 * HOUR_MS - 1, "15", 3, "4",
        "6", "0",
    ]  # fmt: skip
    assert (candles[0]["k"]["f"], candles[0]["k"]["L"]) == (-1, -1)
    assert (ticker["c"], ticker["v"]) == ("2.00000000", "30.00000000")
