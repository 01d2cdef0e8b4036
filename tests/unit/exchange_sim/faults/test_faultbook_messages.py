"""Which messages of streams meet which faults."""

import pytest

from exchange_sim.faults.fault_rules import Fault, FaultError, is_stream, parse_faults
from exchange_sim.faults.faultbook import FaultBook, Message

CLOSED = Message("/ws/btcusdt@kline_1m", "BTCUSDT", "1m", True)
FORMING = Message("/ws/btcusdt@kline_1m", "BTCUSDT", "1m", False)
TICKER = Message("/stream", "BTCUSDT", "", None)


def fired(fault: Fault, *messages: Message) -> list[bool]:
    book = FaultBook()
    book.add([fault])
    return [book.pick_for_message(message) is not None for message in messages]


def test_messages_are_chosen_by_candle_symbol_interval_and_path() -> None:
    three = (CLOSED, FORMING, TICKER)
    assert fired(Fault("drop"), *three) == [True, True, True]
    assert fired(Fault("drop", close_only=True), *three) == [True, False, False]
    assert fired(Fault("drop", forming_only=True), *three) == [False, True, False]
    assert fired(Fault("drop", interval="1m"), *three) == [True, True, False]
    assert fired(Fault("drop", symbol="ETH*"), *three) == [False, False, False]
    assert fired(Fault("drop", path="/stream*"), *three) == [False, False, True]
    assert fired(Fault("drop", skip=1, count=1), *three) == [False, True, False]


def test_requests_and_messages_meet_their_own_faults_only() -> None:
    book = FaultBook()
    book.add([Fault("drop"), Fault("never_closed"), Fault("cut"), Fault("500", skip=1)])
    assert book.pick("/ws", "", "") is None
    assert book.pick("/api/v3/klines", "", "") == Fault("cut")
    found = book.pick_for_event(Message(None, "BTCUSDT", "1m", True))
    assert found is not None
    assert found.fault.kind == "never_closed"
    assert book.pick_for_event(Message(None, "BTCUSDT", "1m", False)) is None
    message = book.pick_for_message(CLOSED)
    assert message is not None
    assert message.fault.kind == "drop"
    assert [rule["fired"] for rule in book.listing()] == [1, 1, 1, 0]


def test_a_book_says_whether_messages_need_to_be_held_against_it() -> None:
    book = FaultBook()
    book.add([Fault("500")])
    assert not book.has_event_faults
    assert not book.has_message_faults
    book.add([Fault("wrong_close"), Fault("late")])
    assert book.has_event_faults
    assert book.has_message_faults
    book.remove()
    assert not book.has_message_faults


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"kind":"malformed","variant":"short"}', "unknown variant"),
        ('{"kind":"500","close_only":true}', "mean messages"),
        ('{"kind":"drop","close_only":true,"forming_only":true}', "both final"),
        ('{"kind":"never_closed","forming_only":true}', "both final"),
        ('{"kind":"wrong_close","path":"/ws*"}', "name no path"),
    ],
)
def test_a_senseless_fault_of_messages_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FaultError, match=reason):
        parse_faults(text)


def test_stream_paths_are_told_from_others() -> None:
    assert all(map(is_stream, ("/ws", "/ws/", "/ws/a@b", "/stream")))
    assert not any(map(is_stream, ("/", "/wsx", "/streams", "/_sim/streams", "/api/v3/ws")))
