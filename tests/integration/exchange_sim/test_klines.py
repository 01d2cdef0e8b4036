"""Pages of klines over the wire, against the market's own truth."""

import random
from typing import Any

import pytest

from exchange_sim.klines.intervals import DAY_MS, FIXED_MS, HOUR_MS, MINUTE_MS, iso_ms, slot_start
from exchange_sim.market.synthetic import SyntheticMarket

SEED = 42
NOW = iso_ms("2026-05-20T10:20:31")
KLINES = "/api/v3/klines"


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(SEED)


def truth(market: SyntheticMarket, *args: Any) -> list[list[Any]]:
    return [candle.row() for candle in market.candles(*args)]


@pytest.mark.parametrize("interval", ["1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d", "3d", "1w"])
def test_random_pages_equal_the_truth(market: SyntheticMarket, get: Any, interval: str) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    step = FIXED_MS[interval]
    for _ in range(4):
        symbol = rng.choice(market.symbols())
        rows = rng.randrange(1, 300 if step < DAY_MS else 40)
        start = NOW - rng.randrange(2, 600) * DAY_MS + rng.randrange(DAY_MS)
        end = min(start + rows * step + rng.randrange(step), slot_start(interval, NOW) - 1)
        reply = get(KLINES, symbol=symbol, interval=interval, startTime=start, endTime=end,
                    limit=1000)  # fmt: skip
        if market.listing(symbol).listed_ms > NOW:
            assert reply.json["code"] == -1121
            continue
        assert reply.status == 200
        assert reply.json == truth(market, symbol, interval, start, end + 1)


def test_bounds_are_inclusive_on_open_time(get: Any) -> None:
    start = NOW // HOUR_MS * HOUR_MS - 50 * HOUR_MS

    def opens(**query: Any) -> list[int]:
        return [row[0] for row in get(KLINES, symbol="BTCUSDT", interval="1h", **query).json]

    assert opens(startTime=start, endTime=start) == [start]
    assert opens(startTime=start, endTime=start + 999) == [start]
    assert opens(startTime=start + 1, endTime=start + HOUR_MS - 1) == []
    assert opens(startTime=start, endTime=start + HOUR_MS) == [start, start + HOUR_MS]
    assert opens(startTime=start, limit=2) == [start, start + HOUR_MS]
    assert opens(endTime=start, limit=2) == [start - HOUR_MS, start]
    assert opens(startTime=start, endTime=start - 1) == []
    assert opens(startTime=start // 1000, endTime=start // 1000 + 5) == []
    assert opens(startTime=start * 1000, endTime=start * 1000) == [start]
    assert opens(startTime=NOW + DAY_MS) == []


def test_limits_default_to_500_and_clip_at_1000(get: Any) -> None:
    assert len(get(KLINES, symbol="BTCUSDT", interval="5m").json) == 500
    assert len(get(KLINES, symbol="BTCUSDT", interval="5m", limit=100_000).json) == 1000


def test_paging_forward_meets_every_candle_once(market: SyntheticMarket, get: Any) -> None:
    # Three months with outages inside.
    start, end = iso_ms("2025-09-01"), iso_ms("2025-12-01")
    assert market.outages(start, end)
    rows: list[list[Any]] = []
    at = start
    while True:
        page = get(KLINES, symbol="ETHUSDT", interval="15m", startTime=at, endTime=end - 1,
                   limit=1000).json  # fmt: skip
        if not page:
            break
        rows += page
        at = page[-1][0] + 15 * MINUTE_MS
    assert rows == truth(market, "ETHUSDT", "15m", start, end)
    assert len(rows) < (end - start) // (15 * MINUTE_MS)


def test_the_first_candle_is_found_from_zero_for_each_interval(
    market: SyntheticMarket, get: Any
) -> None:
    listed = market.listing("ONDOUSDT").listed_ms
    assert listed == iso_ms("2025-03-14T09:30")
    for interval in ("1m", "5m", "1h", "1d"):
        page = get(KLINES, symbol="ONDOUSDT", interval=interval, startTime=0, limit=1).json
        assert page[0][0] == slot_start(interval, listed)


def test_a_delisted_symbol_still_has_its_history(market: SyntheticMarket, get: Any) -> None:
    last = get(KLINES, symbol="MATICUSDT", interval="1h", limit=2).json
    ended = market.listing("MATICUSDT").delisted_ms
    assert ended is not None
    assert last == truth(market, "MATICUSDT", "1h", ended - 2 * HOUR_MS, ended)


def test_the_last_row_is_unfinished_and_grows_with_the_clock(
    market: SyntheticMarket, exchange: Any, get: Any
) -> None:
    seen = []
    for _ in range(3):
        (row,) = get(KLINES, symbol="BTCUSDT", interval="1h", limit=1).json
        assert row[0] == slot_start("1h", NOW)
        assert row[6] > exchange.now_ms()
        seen.append(row)
        exchange.set_clock(advance_ms=7 * MINUTE_MS)
    assert seen[0][8] < seen[1][8] < seen[2][8]
    assert len({row[1] for row in seen}) == 1
    exchange.set_clock(slot_start("1h", NOW) + HOUR_MS)
    rows = get(KLINES, symbol="BTCUSDT", interval="1h", limit=2).json
    assert rows[0] == truth(market, "BTCUSDT", "1h", seen[0][0], seen[0][0] + 1)[0]
    assert rows[1][8] == 0
    assert len(set(rows[1][1:5])) == 1


def test_an_interval_finer_than_the_market_has_no_rows(get: Any) -> None:
    assert get(KLINES, symbol="BTCUSDT", interval="1s").json == []


def test_microseconds_on_request(get: Any) -> None:
    query = {"symbol": "BTCUSDT", "interval": "1h", "limit": 3, "endTime": NOW - DAY_MS}
    plain = get(KLINES, **query).json
    fine = get(KLINES, headers={"x-mbx-time-unit": "microsecond"}, **query).json
    assert [(row[0], row[6]) for row in fine] == [
        (row[0] * 1000, row[6] * 1000 + 999) for row in plain
    ]
    assert [row[7:] for row in fine] == [row[7:] for row in plain]
    bad = get(KLINES, headers={"X-MBX-TIME-UNIT": "hours"}, **query)
    assert (bad.status, bad.json["code"]) == (400, -1194)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"interval": "1h"}, -1102),
        ({"symbol": "BTCUSDT"}, -1102),
        ({"symbol": "NOSUCHUSDT", "interval": "1h"}, -1121),
        ({"symbol": "btcusdt", "interval": "1h"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1y"}, -1120),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": 0}, -1130),
        ({"symbol": "BTCUSDT", "interval": "1h", "colour": "red"}, -1104),
    ],
)
def test_refusals_have_binances_codes_and_still_count(
    get: Any, query: dict[str, object], code: int
) -> None:
    reply = get(KLINES, **query)
    assert (reply.status, reply.json["code"]) == (400, code)
    assert reply.json["msg"]
    assert int(reply.headers["x-mbx-used-weight-1m"]) >= 2
    assert reply.headers["x-exchange-sim-market"] == "synthetic-42"
