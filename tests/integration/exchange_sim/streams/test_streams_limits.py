"""What the exchange does not put up with: each limit, with its time scaled down."""

import json
import re
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Opcode
from websockets.sync.client import connect

from exchange_sim.testing import RunningExchange, running
from integration.exchange_sim.listener import BareClient, Listener, wait_for

CLOCK = "2026-05-20T10:20:31"


def closed(exchange: RunningExchange, reason: str) -> Any:
    return wait_for(lambda: exchange.streams()["closed"].get(reason))


def refusal(exchange: RunningExchange, path: str) -> InvalidStatus:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(exchange.stream_url + path, proxy=None, compression=None),
    ):
        pass
    return refused.value


def test_a_client_that_answers_pings_stays_and_is_seen_to() -> None:
    with running(ping_s=0.4, pong_s=2) as exchange, BareClient(exchange, "/ws") as client:
        payloads: list[bytes] = []
        while len(payloads) < 8:
            frames = client.receive(answer=True)
            assert frames, "it was cut"
            payloads += [bytes(frame.data) for frame in frames if frame.opcode is Opcode.PING]
        assert all(payloads)
        assert len(set(payloads)) == len(payloads)
        (row,) = exchange.streams()["connections"]
        assert row["last_pong_s"] < row["opened_s"]


def test_a_client_that_answers_no_ping_is_cut() -> None:
    with running(ping_s=0.1, pong_s=0.5) as exchange, BareClient(exchange, "/ws") as client:
        assert {frame.opcode for frame in client.read_to_end()} == {Opcode.PING}
        assert closed(exchange, "no_pong") == 1


def test_pongs_that_echo_nothing_do_not_help() -> None:
    with running(ping_s=0.25, pong_s=0.6) as exchange, BareClient(exchange, "/ws") as client:
        while client.receive_or_lose():
            client.pong(b"not yours")
        assert closed(exchange, "no_pong") == 1


def test_a_connection_lives_only_so_long() -> None:
    with (
        running(stream_life_s=0.5) as exchange,
        Listener(exchange, "/ws") as stream,
    ):
        ending = stream.ending()
        assert ending.rcvd is not None
        assert ending.rcvd.code == 1001
        assert closed(exchange, "life_over") == 1


@pytest.mark.parametrize("what", ["text", "ping", "pong"])
def test_more_than_five_messages_a_second_end_the_connection(exchange: Any, what: str) -> None:
    before = exchange.streams()["closed"].get("too_many_requests", 0)
    with BareClient(exchange, "/ws") as client:
        client.receive_upgrade()
        for _ in range(6):
            getattr(client, what)("{}" if what == "text" else b"x")
        frames = client.read_to_end()
    (close,) = [frame for frame in frames if frame.opcode is Opcode.CLOSE]
    assert close.data == (1008).to_bytes(2, "big") + b"Too many requests"
    assert sum(frame.opcode is not Opcode.CLOSE for frame in frames) == 5 * (what != "pong")
    assert exchange.streams()["closed"]["too_many_requests"] == before + 1
    assert exchange.streams()["most_incoming"] == 6


def test_five_messages_are_answered_and_a_ping_is_echoed(exchange: Any) -> None:
    with BareClient(exchange, "/ws") as client:
        client.receive_upgrade()
        for number in range(4):
            client.text(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        client.ping(b"hello")
        frames = []
        while len(frames) < 5:
            frames += client.receive(answer=False)
    assert [json.loads(frame.data)["id"] for frame in frames[:4]] == [0, 1, 2, 3]
    assert (frames[4].opcode, frames[4].data) == (Opcode.PONG, b"hello")


def names(count: int) -> list[str]:
    return [f"symbol{number}usdt@kline_1m" for number in range(count)]


def test_1024_streams_are_the_most_in_an_address(exchange: Any, listen: Any) -> None:
    assert listen("/ws/" + "/".join(names(1024))).row["streams"] == 1024
    assert listen("/stream?streams=" + "/".join(names(1024))).row["streams"] == 1024
    for path in ("/ws/", "/stream?streams="):
        assert refusal(exchange, path + "/".join(names(1025))).response.status_code == 400


def test_subscribing_beyond_1024_streams_ends_the_connection(exchange: Any, listen: Any) -> None:
    stream = listen("/ws")
    assert stream.ask("SUBSCRIBE", *names(1024))["result"] is None
    assert stream.ask("SUBSCRIBE", *names(3))["result"] is None
    assert stream.row["streams"] == 1024
    stream.socket.send(json.dumps({"method": "SUBSCRIBE", "params": ["one@more"], "id": 1}))
    ending = stream.ending()
    assert ending.rcvd is not None
    assert ending.rcvd.code == 1008


def test_attempts_to_connect_are_limited_and_counted() -> None:
    with running(connect_limit=3) as exchange:
        for _ in range(3):
            with Listener(exchange, "/ws"):
                pass
        for _ in range(2):
            response = refusal(exchange, "/ws").response
            assert response.status_code == 429
            assert 1 <= int(response.headers["Retry-After"]) <= 300
        told = exchange.streams()
        assert (told["attempts"], told["most_attempts"], told["refused"]) == (5, 5, 2)
        assert told["opened"] == 3


def test_attempts_count_by_address(get_from: Any) -> None:
    with running(connect_limit=1) as exchange:
        statuses = [get_from(exchange.url, "/ws", source=source).status
                    for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]  # fmt: skip
    assert statuses == [400, 429, 400]


def test_an_address_that_rest_has_banned_gets_no_stream(get_from: Any) -> None:
    with running(weight_limit=1, ban_after=1, ban_seconds=60, clock=CLOCK, frozen=True) as exchange:

        def status() -> int:
            return int(get_from(exchange.url, "/api/v3/ping").status)

        wait_for(lambda: status() == 418)
        response = refusal(exchange, "/ws/btcusdt@kline_1m").response
        assert response.status_code == 418
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert re.search(r"banned until \d{13}", (response.body or b"").decode())
        exchange.set_limits(reset=True)
        with Listener(exchange, "/ws"):
            assert exchange.streams()["refused"] == 1


def test_a_client_that_does_not_read_is_cut_and_others_go_on() -> None:
    path = "/ws/!miniTicker@arr"
    with (
        # Without pings, which count as sent, but are no frames for whoever reads.
        running(clock=CLOCK, frozen=True, stream_buffer_kb=64, ping_s=3600) as exchange,
        BareClient(exchange, path, buffer=4096) as lazy,
        Listener(exchange, path) as busy,
    ):
        lazy.receive_upgrade()
        # Systems hold some megabytes for a client that does not read, a frame has 14 kB.
        for _ in range(200):
            if exchange.streams()["closed"].get("slow_reader"):
                break
            for _ in range(10):
                exchange.set_clock(advance_ms=60_000)
            busy.rest_frames()
        assert exchange.streams()["closed"] == {"slow_reader": 1}
        assert len(exchange.streams()["connections"]) == 1
        exchange.set_clock(advance_ms=60_000)
        assert busy.rest_frames()


def test_the_stand_in_stops_with_streams_open() -> None:
    with running(clock=CLOCK, speed=50) as exchange:
        stream = Listener(exchange, "/ws/btcusdt@kline_1m")
        stream.next()
    # Left in order, or the block would have raised an error.
    stream.ending()
    with stream:
        pass
