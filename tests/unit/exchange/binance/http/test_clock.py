"""How far the exchange's clock is ahead, from one question and its answer."""

import pytest

from candlehouse.core.errors import MalformedPayload
from candlehouse.exchange.binance.http.rest import read_clock
from candlehouse.exchange.failures import Answer

ASKED_NS = 1_700_000_000_000_000_000


def test_clock_was_read_halfway_between_question_and_answer() -> None:
    answer = Answer(asked_ns=ASKED_NS, answered_ns=ASKED_NS + 40_000_000)

    reading = read_clock({"serverTime": 1_700_000_000_120}, answer)

    assert (reading.round_trip_ms, reading.offset_ms) == (40, 100)


def test_quickest_answer_is_the_most_exact() -> None:
    slow = read_clock({"serverTime": 0}, Answer(asked_ns=0, answered_ns=900_000_000))
    quick = read_clock({"serverTime": 7}, Answer(asked_ns=0, answered_ns=2_000_000))

    assert min(slow, quick) == quick


def test_answer_without_a_time_is_refused() -> None:
    with pytest.raises(MalformedPayload):
        read_clock({}, Answer())
