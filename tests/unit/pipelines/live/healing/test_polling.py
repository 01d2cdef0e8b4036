"""How often REST is polled, and which series in which round."""

import pytest

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.facts import REST
from candlehouse.pipelines.live.delays import LONGEST_S, GrowingDelays
from candlehouse.pipelines.live.healing.polling import (
    LONGEST_ROUND_S,
    SHORTEST_ROUND_S,
    choose_round,
    round_length_s,
)

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
LENGTHS = (Timeframe.H1, Timeframe.M1, Timeframe.M15, Timeframe.M5)
EVERY = [Series(symbol, timeframe) for symbol in SYMBOLS for timeframe in LENGTHS]


@pytest.mark.parametrize(
    ("requests", "seconds"),
    [(0, SHORTEST_ROUND_S), (1, SHORTEST_ROUND_S), (33, 2.0), (10_000, LONGEST_ROUND_S)],
)
def test_round_is_as_long_as_its_weight_asks_within_bounds(requests: int, seconds: float) -> None:
    assert round_length_s(requests, REST) == seconds


def test_universe_polled_without_end_stays_below_half_of_the_limit() -> None:
    series = [Series(f"S{number}USDT", timeframe) for number in range(52) for timeframe in LENGTHS]
    requests = len(choose_round(series, 0))
    assert 2 * requests / round_length_s(requests, REST) * 60 < 3000


def test_every_round_has_the_shortest_timeframe_of_each_symbol() -> None:
    for number in range(8):
        chosen = choose_round(EVERY, number)
        assert {Series(symbol, Timeframe.M1) for symbol in SYMBOLS} <= set(chosen)
        assert len(chosen) == len(set(chosen))


def test_four_rounds_have_every_series_whichever_is_the_first() -> None:
    for first in range(4):
        rounds = [choose_round(EVERY, first + number) for number in range(4)]
        assert {one for chosen in rounds for one in chosen} == set(EVERY)


def test_nothing_to_poll_is_an_empty_round() -> None:
    assert choose_round([], 3) == []


def test_delays_double_up_to_a_bound_and_begin_anew_after_success() -> None:
    delays = GrowingDelays[str]()
    assert [delays.failed("a", 5) for _ in range(8)] == [5, 10, 20, 40, 80, 160, 300, LONGEST_S]
    assert delays.failed("b", 5) == 5
    delays.forget("a")
    assert delays.failed("a", 5) == 5
    assert delays.failed("c", 2 * LONGEST_S) == 2 * LONGEST_S
