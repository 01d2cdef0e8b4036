"""Every way in which a stream can go wrong, as its client sees it."""

import itertools
import json
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.sync.client import connect

from exchange_sim.faults.fault_rules import FRAME_VARIANTS
from exchange_sim.testing import running
from integration.exchange_sim.listener import Listener, wait_for

MINUTE_MS = 60_000
BTC = "/ws/btcusdt@kline_1m"


def fired(exchange: Any) -> list[int]:
    return [rule["fired"] for rule in exchange.stats()["faults"]]


def opens(stream: Any) -> list[tuple[int, bool]]:
    return [(event["k"]["t"], event["k"]["x"]) for event in stream.rest()]


def pass_minutes(exchange: Any, count: int = 1) -> None:
    for _ in range(count):
        exchange.set_clock(advance_ms=MINUTE_MS)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("403", 403), ("451", 451), ("418", 418), ("429", 429), ("500", 500), ("503", 503),
     ("504", 504), ("html", 200), ("empty", 200)],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/ws", BTC, "/stream?streams=btcusdt@kline_1m"])
def test_the_upgrade_meets_the_faults_of_plain_requests(
    exchange: Any, listen: Any, kind: str, status: int, path: str
) -> None:
    pattern = "/ws*" if path.startswith("/ws") else "/stream*"
    exchange.set_faults({"kind": kind, "path": pattern, "count": 1, "seconds": 7})
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(exchange.stream_url + path, proxy=None),
    ):
        pass
    response = refused.value.response
    assert response.status_code == status
    assert ("Retry-After" in response.headers) == (kind in ("403", "418", "429", "503"))
    listen(path)
    assert fired(exchange) == [1]


def test_the_upgrade_can_be_reset_time_out_or_be_late(exchange: Any, listen: Any) -> None:
    exchange.set_faults(
        {"kind": "reset", "path": "/ws*", "count": 1},
        {"kind": "timeout", "path": "/ws*", "count": 1, "seconds": 30},
        {"kind": "delay", "path": "/ws*", "count": 1, "seconds": 0.3},
    )
    for error in ((InvalidMessage, ConnectionError), TimeoutError):
        with (
            pytest.raises(error),
            connect(exchange.stream_url + "/ws", proxy=None, open_timeout=0.5),
        ):
            pass
    began = time.monotonic()
    listen(BTC)
    assert time.monotonic() - began >= 0.3
    assert fired(exchange) == [1, 1, 1]


def test_faults_of_bodies_leave_the_upgrade_alone(exchange: Any, listen: Any) -> None:
    exchange.set_faults({"kind": "cut"}, {"kind": "broken_json"})
    listen(BTC)
    assert fired(exchange) == [0, 0]


def test_a_dropped_message_is_lost_and_a_duplicate_comes_twice(exchange: Any, listen: Any) -> None:
    stream = listen(BTC)
    start = exchange.now_ms() // MINUTE_MS * MINUTE_MS
    exchange.set_faults({"kind": "drop", "close_only": True, "count": 1, "skip": 1})
    pass_minutes(exchange, 3)
    slots = [start + minute * MINUTE_MS for minute in range(8)]
    first = [(slots[0], True), (slots[1], False)]
    assert opens(stream) == [*first, (slots[2], False), (slots[2], True), (slots[3], False)]
    assert (fired(exchange), stream.row["dropped"]) == ([1], 1)
    exchange.set_faults({"kind": "duplicate", "forming_only": True, "count": 1})
    pass_minutes(exchange)
    assert opens(stream) == [(slots[3], True), (slots[4], False), (slots[4], False)]


def test_a_reordered_message_comes_after_the_next_of_its_stream(exchange: Any, listen: Any) -> None:
    stream = listen("/ws/btcusdt@kline_1m/ethusdt@kline_1m")
    start = exchange.now_ms() // MINUTE_MS * MINUTE_MS
    exchange.set_faults({"kind": "reorder", "symbol": "BTCUSDT", "close_only": True})
    pass_minutes(exchange)
    told = [(event["s"], event["k"]["t"] - start, event["k"]["x"]) for event in stream.rest()]
    assert told == [
        ("ETHUSDT", 0, True),
        ("BTCUSDT", MINUTE_MS, False),
        ("BTCUSDT", 0, True),
        ("ETHUSDT", MINUTE_MS, False),
    ]
    assert fired(exchange) == [1]


def test_a_late_message_is_overtaken_by_others(exchange: Any, listen: Any) -> None:
    stream = listen(BTC)
    exchange.set_faults({"kind": "late", "close_only": True, "count": 1, "seconds": 0.3})
    pass_minutes(exchange)
    update, final = stream.next()["k"], stream.next()["k"]
    assert (update["x"], final["x"]) == (False, True)
    assert final["t"] < update["t"]


@pytest.mark.parametrize("variant", FRAME_VARIANTS)
def test_a_malformed_message_is_wrong_in_the_way_asked_for(
    exchange: Any, listen: Any, variant: str
) -> None:
    stream, healthy = listen("/stream?streams=btcusdt@kline_1m"), listen(BTC)
    exchange.set_faults(
        {"kind": "malformed", "variant": variant, "path": "/stream*", "close_only": True}
    )
    pass_minutes(exchange)
    spoilt, fine = stream.rest_frames()
    truth = healthy.next()
    assert json.loads(fine)["data"] == healthy.next()
    check_malformed(variant, spoilt, truth)
    assert fired(exchange) == [1]


def check_malformed(variant: str, frame: str | bytes, truth: Any) -> None:
    """Check that a frame is the truth but for one thing."""
    if variant == "binary":
        assert isinstance(frame, bytes)
        assert json.loads(frame)["data"] == truth
        return
    if variant in ("truncated", "not_json", "empty"):
        with pytest.raises(json.JSONDecodeError):
            json.loads(frame)
        return
    candle, true = json.loads(frame)["data"]["k"], truth["k"]
    wrong = {name for name in true if candle.get(name) != true[name]}
    assert len(wrong) == 1
    (name,) = wrong
    match variant:
        case "number_price":
            assert isinstance(candle[name], float)
        case "text_time":
            assert candle[name] == str(true[name])
        case "missing_field":
            assert name not in candle
        case "high_below_low":
            assert float(candle["h"]) < float(candle["l"])
        case "misaligned":
            assert candle["t"] % MINUTE_MS


def test_malformed_messages_are_of_many_kinds_by_chance_and_the_same_for_a_seed(
    exchange: Any,
) -> None:
    runs = []
    for _ in range(2):
        exchange.set_clock("2026-05-20T10:20:31")
        with Listener(exchange, BTC) as stream:
            exchange.set_faults({"kind": "malformed", "seed": 3})
            pass_minutes(exchange, 10)
            runs.append(stream.rest_frames())
        assert fired(exchange) == [20]
        exchange.clear()
        wait_for(lambda: not exchange.streams()["connections"])
    assert runs[0] == runs[1]
    assert len({type(frame) for frame in runs[0]}) == 2
    assert "" in runs[0]


def test_a_candle_can_stay_without_its_final_event_for_everybody(
    exchange: Any, listen: Any
) -> None:
    streams = [listen(BTC), listen("/stream?streams=btcusdt@kline_1m")]
    exchange.set_faults({"kind": "never_closed", "symbol": "BTCUSDT", "count": 1})
    pass_minutes(exchange, 2)
    finals = [[e.get("data", e)["k"]["x"] for e in stream.rest()] for stream in streams]
    assert finals == [[False, True, False]] * 2
    assert fired(exchange) == [1]


def test_a_wrong_final_event_differs_from_rest_and_is_still_possible(
    exchange: Any, listen: Any, get: Any
) -> None:
    streams = [listen(BTC), listen(BTC)]
    exchange.set_faults({"kind": "wrong_close", "interval": "1m", "count": 1})
    pass_minutes(exchange)
    wrong, also = (stream.rest()[0]["k"] for stream in streams)
    assert wrong == also
    assert wrong["x"] is True
    query = {"symbol": "BTCUSDT", "interval": "1m", "startTime": wrong["t"], "limit": 1}
    (row,) = get("/api/v3/klines", **query).json
    assert (wrong["o"], wrong["h"], wrong["l"]) == tuple(row[1:4])
    assert wrong["c"] != row[4]
    assert float(wrong["l"]) <= float(wrong["c"]) <= float(wrong["h"])


def test_a_silent_connection_sends_and_answers_nothing_until_it_speaks_again(
    exchange: Any, listen: Any
) -> None:
    stream = listen("/ws/btcusdt@kline_1m/ethusdt@kline_1m")
    exchange.set_faults({"kind": "silence", "count": 1})
    pass_minutes(exchange)
    stream.socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
    wait_for(lambda: stream.row["received"] == 1)
    assert (stream.row["sent"], stream.row["dropped"]) == (0, 4)
    exchange.act_on_streams("silence", seconds=0)
    pass_minutes(exchange)
    assert {event["e"] for event in stream.rest()} == {"kline"}
    assert stream.ask("LIST_SUBSCRIPTIONS", number=2)["id"] == 2


def test_a_silence_ends_by_itself(exchange: Any, listen: Any) -> None:
    stream = listen(BTC)
    exchange.set_faults({"kind": "silence", "count": 1, "seconds": 0.3})

    def heard() -> bool:
        pass_minutes(exchange)
        return bool(stream.rest())

    assert not heard()
    wait_for(heard)


def test_silence_for_ever_outlasts_pings_and_a_lifetime() -> None:
    from integration.exchange_sim.listener import Listener

    with (
        running(ping_s=0.1, pong_s=0.2, stream_life_s=0.5, frozen=True) as exchange,
        Listener(exchange, "/ws") as stream,
    ):
        assert exchange.act_on_streams("silence") == 1
        sent = stream.row["sent"]
        time.sleep(1.5)
        assert stream.row["sent"] == sent


def test_one_stream_can_go_silent_alone(exchange: Any, listen: Any) -> None:
    stream = listen("/ws/btcusdt@kline_1m/ethusdt@kline_1m/btcusdt@kline_5m")
    exchange.set_faults({"kind": "silence", "symbol": "BTCUSDT", "interval": "1m"})
    pass_minutes(exchange, 2)
    told = {(event["s"], event["k"]["i"]) for event in stream.rest()}
    assert told == {("ETHUSDT", "1m"), ("BTCUSDT", "5m")}
    assert (fired(exchange), stream.row["dropped"]) == ([1], 4)


@pytest.mark.parametrize("by_fault", [True, False])
def test_a_cut_ends_without_a_closing_frame(exchange: Any, listen: Any, by_fault: bool) -> None:
    stream = listen(BTC)
    if by_fault:
        exchange.set_faults({"kind": "cut", "path": "/ws*", "count": 1})
        pass_minutes(exchange)
        assert fired(exchange) == [1]
    else:
        assert exchange.act_on_streams("cut", stream.number) == 1
    ending = stream.ending()
    assert (ending.rcvd, ending.sent) == (None, None)


@pytest.mark.parametrize("by_fault", [True, False])
def test_a_close_with_1008_says_why(exchange: Any, listen: Any, by_fault: bool) -> None:
    stream, other = listen(BTC), listen("/stream")
    if by_fault:
        exchange.set_faults({"kind": "close_1008"})
        pass_minutes(exchange)
    else:
        exchange.act_on_streams("close_1008", stream.number)
    ending = stream.ending()
    assert ending.rcvd is not None
    assert (ending.rcvd.code, ending.rcvd.reason) == (1008, "Too many requests")
    assert other.ask("GET_PROPERTY", "combined")["result"] is True


@pytest.mark.parametrize("by_fault", [True, False])
def test_a_shutdown_is_announced_before_the_end(exchange: Any, listen: Any, by_fault: bool) -> None:
    raw, combined = listen(BTC), listen("/stream?streams=btcusdt@kline_1m")
    if by_fault:
        exchange.set_faults({"kind": "shutdown", "seconds": 0.2, "close_only": True, "count": 2})
        pass_minutes(exchange)
        assert [raw.next()["e"], combined.next()["data"]["e"]] == ["kline", "kline"]
    else:
        assert exchange.act_on_streams("shutdown", seconds=0.2) >= 2
    notice = {"e": "serverShutdown", "E": exchange.now_ms()}
    assert raw.next() == notice
    assert combined.next() == {"stream": "!serverShutdown", "data": notice}
    for stream in (raw, combined):
        ending = stream.ending()
        assert ending.rcvd is not None
        assert ending.rcvd.code == 1001


def test_faults_can_be_rare_and_of_one_stream_only(exchange: Any, listen: Any) -> None:
    stream = listen("/ws/btcusdt@kline_1m/ethusdt@kline_1m")
    exchange.set_faults(
        {"kind": "drop", "symbol": "ETHUSDT", "forming_only": True, "probability": 0.5, "seed": 1}
    )
    pass_minutes(exchange, 30)
    told = [(event["s"], event["k"]["x"]) for event in stream.rest()]
    counts = {key: sum(1 for _ in group) for key, group in itertools.groupby(sorted(told))}
    lost = 30 - counts.pop(("ETHUSDT", False))
    assert set(counts.values()) == {30}
    assert 5 < lost < 25
    assert fired(exchange) == [lost]


def test_statistics_count_messages_and_ends(exchange: Any, listen: Any) -> None:
    before = exchange.streams()
    stream = listen(BTC)
    pass_minutes(exchange)
    stream.rest()
    stream.ask("LIST_SUBSCRIPTIONS")
    stream.say("{")
    row, told = stream.row, exchange.streams()
    assert (row["sent"], row["streams"], row["path"]) == (4, 1, BTC)
    assert row["address"] == "127.0.0.1"
    assert row["bytes"] > 600
    new = {key: count - before["messages"].get(key, 0) for key, count in told["messages"].items()}
    assert {key: count for key, count in new.items() if count} == {
        "kline_closed": 1, "kline_forming": 1, "reply": 1, "error": 1,
    }  # fmt: skip
    stream.socket.close()
    gone = before["closed"].get("client", 0)
    wait_for(lambda: exchange.streams()["closed"].get("client", 0) > gone)


def test_acting_on_a_connection_that_is_not_there_is_refused(exchange: Any) -> None:
    with pytest.raises(ValueError, match="not open"):
        exchange.act_on_streams("cut", 10**9)
    with pytest.raises(ValueError, match="explode"):
        exchange.act_on_streams("explode")
    with pytest.raises(ValueError, match="negative"):
        exchange.act_on_streams("silence", seconds=-1)
