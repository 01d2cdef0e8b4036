"""What faults make of messages."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from exchange_sim.faults.fault_rules import FRAME_VARIANTS
from exchange_sim.faults.message_faults import malformed_frame, wrong_close
from exchange_sim.klines.candle import Candle
from exchange_sim.stream.events import Form, KlineEvent, MiniTicker, MiniTickerEvent
from exchange_sim.websocket.names import parse_name

CANDLE = Candle(
    60_000, 119_999, "10.50000000", "12.00000000", "9.00000000", "11.00000000", "5.00000001",
    "55.00000000", 7, "2.00000000", "22.00000000",
)  # fmt: skip
TICKER = MiniTicker("BTCUSDT", "2.0", "1.5", "2.5", "1.0", "10.0", "20.0")
KLINE = KlineEvent(parse_name("btcusdt@kline_1m"), 120_005, CANDLE, (100, 106), True)
ONE = MiniTickerEvent(parse_name("btcusdt@miniTicker"), 5, [TICKER])
ALL = MiniTickerEvent(parse_name("!miniTicker@arr"), 5, [TICKER, TICKER])


def flat(price: str, trades: int) -> Candle:
    return replace(CANDLE, open=price, high=price, low=price, close=price, trades=trades)


@pytest.mark.parametrize(
    "candle",
    [CANDLE, replace(CANDLE, close=CANDLE.low), replace(CANDLE, close=CANDLE.high),
     flat("0.00001310", 3), flat("64000.00000000", 0), flat("64000.12000000", 1)],
)  # fmt: skip
def test_a_wrong_close_is_another_price_that_could_have_been(candle: Candle) -> None:
    wrong = wrong_close(candle)
    assert wrong.close != candle.close
    prices = [float(price) for price in (wrong.low, wrong.open, wrong.close, wrong.high)]
    assert prices[0] <= min(prices[1:3]) <= max(prices[1:3]) <= prices[3]
    assert len(wrong.close.partition(".")[2]) == 8
    if candle.trades == 0:
        assert len(set(prices)) == 1
    kept = ("open_ms", "close_ms", "volume", "quote_volume", "trades", "taker_volume")
    assert all(getattr(wrong, name) == getattr(candle, name) for name in kept)


def test_a_flat_wrong_close_moves_by_a_step_of_its_own_decimals() -> None:
    assert wrong_close(flat("0.00001310", 3)).close == "0.00001320"
    assert wrong_close(flat("64000.12000000", 1)).close == "64000.13000000"


@pytest.mark.parametrize("event", [KLINE, ONE, ALL])
@pytest.mark.parametrize("variant", FRAME_VARIANTS)
@pytest.mark.parametrize("form", [Form(), Form(combined=True)])
def test_every_way_of_malforming_changes_every_kind_of_message(
    event: Any, variant: str, form: Form
) -> None:
    payload = event.payload(form)
    spoilt = malformed_frame(payload, variant, random.Random(1))
    assert spoilt != event.frame(form)
    again = malformed_frame(payload, variant, random.Random(1))
    assert spoilt == again


def test_without_a_variant_chance_takes_its_turn_through_all() -> None:
    payload, rng = KLINE.payload(Form()), random.Random(5)
    frames = {malformed_frame(payload, None, rng)[:40] for _ in range(200)}
    assert len(frames) > len(FRAME_VARIANTS)


def test_events_are_encoded_once_for_each_form() -> None:
    plain, wrapped = KLINE.frame(Form()), KLINE.frame(Form(combined=True))
    assert KLINE.frame(Form()) is plain
    assert wrapped != plain
    message = json.loads(KLINE.payload(Form(micro=True, combined=True)))
    assert message["stream"] == "btcusdt@kline_1m"
    assert (message["data"]["k"]["t"], message["data"]["k"]["T"]) == (60_000_000, 119_999_999)
    assert message["data"]["E"] == 120_005_000
    assert isinstance(json.loads(ALL.payload(Form())), list)
