from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from websockets.utils import accept_key

from candlehouse.core.errors import ConfigurationError, DatabaseUnavailable
from candlehouse.core.live.candle_updates import candle_channel
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import price_channel
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.stream.client import StreamClient
from candlehouse.exchange.binance.stream.client_options import StreamOptions
from support.exchanges.scripted_stream import (
    SHUTDOWN,
    Peer,
    Script,
    ScriptedStream,
    kline,
    scripted_stream,
    ticker,
)
from support.exchanges.stream_sink import CountingBudget, RecordingSink, until

BTC = Series("BTCUSDT", Timeframe.M1)
ETH = Series("ETHUSDT", Timeframe.M5)
FAST = StreamOptions(
    first_delay_s=0.01, longest_delay_s=0.05, command_gap_s=0.01, hand_over_s=5, draw=lambda: 1.0
)


@dataclass
class Trial:
    """A running client against a scripted server."""

    server: ScriptedStream
    client: StreamClient
    sink: RecordingSink
    budget: CountingBudget


def candles(*series: Series) -> frozenset[Channel]:
    """The channels of their candles."""
    return frozenset(map(candle_channel, series))


def attempt(
    *scripts: Script,
    use: Callable[[Trial], Awaitable[None]],
    options: StreamOptions = FAST,
    series: tuple[Series, ...] = (BTC,),
    prices: tuple[str, ...] = (),
    refusals: list[tuple[int, dict[str, str]]] | None = None,
) -> None:
    async def run() -> None:
        async with scripted_stream(*scripts, refusals=refusals) as server:
            sink, budget = RecordingSink(), CountingBudget()
            client = StreamClient(server.url, budget, sink, options)
            client.want({*candles(*series), *map(price_channel, prices)})
            running = asyncio.create_task(client.run())
            try:
                await use(Trial(server, client, sink, budget))
            finally:
                client.stop()
                sink.has_room.set()
                await running

    asyncio.run(run())


def sending(*messages: bytes) -> Script:
    """Sends these and keeps the connection."""

    async def script(peer: Peer) -> None:
        await peer.send(*messages)
        await peer.hold()

    return script


def dropping(*messages: bytes, code: int = 1008, reason: str = "Too many requests") -> Script:
    """Sends these and closes the connection."""

    async def script(peer: Peer) -> None:
        await peer.send(*messages)
        await peer.socket.close(code, reason)

    return script


async def ticking(peer: Peer) -> None:
    """Sends a message of every subscribed kline stream, again and again."""
    slot = 0
    while peer.is_open:
        for name in sorted(peer.streams):
            lower, _, interval = name.partition("@kline_")
            await peer.send(kline(Series(lower.upper(), Timeframe(interval)), slot))
        slot += 1
        await asyncio.sleep(0.01)


def test_client_brings_candles_and_prices_and_says_what_flows() -> None:
    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.prices and len(trial.sink.candles) == 2)
        assert trial.server.peers[0].url_streams == [
            "btcusdt@kline_1m", "btcusdt@miniTicker", "ethusdt@kline_5m",
        ]  # fmt: skip
        assert [update.series for update in trial.sink.candles] == [BTC, ETH]
        assert trial.sink.candles[1].closed
        assert trial.sink.prices[0].price == "42298.61000000"
        # One URL has subscribed all, so that the first message of any tells of all.
        assert trial.sink.events == [("flowing", candles(BTC, ETH) | {price_channel("BTCUSDT")})]
        assert trial.client.connected
        counters = trial.client.counters
        assert (counters.messages, counters.bad_messages, counters.connections) == (3, 0, 1)
        assert trial.client.last_data_at is not None
        assert len(trial.budget.attempts) == counters.attempts == 1

    script = sending(kline(BTC), ticker("BTCUSDT"), kline(ETH, closed=True))
    attempt(script, use=use, series=(BTC, ETH), prices=("BTCUSDT",))


def test_messages_that_are_refused_do_not_end_the_connection() -> None:
    bad = (
        b"", b"\xff\xfe", b"null", b"[]", b"{", b'"text"', b'{"stream":1}', b"[" * 5000,
        b'{"stream":"btcusdt@kline_1m"}', b'{"stream":"btcusdt@kline_1m","data":{"e":"trade"}}',
        kline(BTC, o="1e5"), kline(BTC, l="99999"), kline(BTC, t=1), kline(BTC, n="7"),
        b'{"stream":"btcusdt@kline_1m","data":null}', kline(BTC, v="-1"),
    )  # fmt: skip

    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.candles)
        assert len(trial.sink.bad) == len(bad)
        assert trial.client.counters.bad_messages == len(bad)
        assert trial.sink.bad[-1].series == BTC
        assert len(trial.server.peers) == 1

    attempt(sending(*bad, kline(BTC)), use=use)


def test_connection_that_closes_is_replaced_and_its_series_are_told() -> None:
    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.count("flowing") == 2)
        both = [(word, candles(BTC)) for word in ("flowing", "silent", "flowing")]
        assert trial.sink.events == both
        assert trial.client.counters.reconnects == 1
        assert len(trial.budget.attempts) == 2

    attempt(dropping(kline(BTC)), sending(kline(BTC, 1)), use=use)


def test_delays_grow_while_a_server_accepts_and_drops_and_shrink_after_data(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = StreamOptions(first_delay_s=0.02, longest_delay_s=10, draw=lambda: 1.0)

    async def use(trial: Trial) -> None:
        await until(lambda: len(trial.server.peers) == 7)
        times = trial.server.upgrades
        gaps = [after - before for before, after in pairwise(times)]
        # A lower bound: a loaded machine adds to what is waited, and can't take from it.
        expected = [0.02, 0.04, 0.08, 0.16, 0.32]
        assert all(gap >= least for gap, least in zip(gaps[:5], expected, strict=True)), gaps
        # The sixth one brought data: the next delay is the first one, and not 0.64 s.
        told = [one for one in caplog.records if "next attempt in" in one.msg and one.args]
        assert [tuple(one.args)[-1] for one in told] == [*expected, 0.02]

    drop = dropping()
    attempt(drop, drop, drop, drop, drop, dropping(kline(BTC)), sending(), use=use, options=options)


def test_refused_messages_are_no_data_that_resets_the_delay() -> None:
    options = StreamOptions(first_delay_s=0.02, longest_delay_s=10, draw=lambda: 1.0)

    async def use(trial: Trial) -> None:
        await until(lambda: len(trial.server.upgrades) == 5)
        assert trial.server.upgrades[4] - trial.server.upgrades[3] >= 0.16

    attempt(dropping(kline(BTC, o="x")), use=use, options=options)


@pytest.mark.parametrize("status", [418, 429])
def test_gate_that_the_exchange_closes_is_respected_by_all_connections(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    class HoldingBackTheSecond(CountingBudget):
        async def attempt(self) -> None:
            await super().attempt()
            if len(self.attempts) == 2:
                await until(lambda: f"HTTP {status}" in caplog.text)

    options = StreamOptions(first_delay_s=0.01, streams_per_connection=1)

    async def run() -> None:
        refusals = [(status, {"Retry-After": "1"})]
        async with scripted_stream(ticking, refusals=refusals) as server:
            sink = RecordingSink()
            budget = HoldingBackTheSecond()
            client = StreamClient(server.url, budget, sink, options)
            client.want(candles(BTC, ETH))
            running = asyncio.create_task(client.run())
            await until(lambda: sink.count("flowing") == 2)
            first, *others = server.upgrades
            assert len(others) == 2
            assert all(moment - first >= 1 for moment in others)
            # A ban is one of the address: requests must not go on either.
            assert budget.bans == ([1] if status == 418 else [])
            client.stop()
            await running

    asyncio.run(run())


@pytest.mark.parametrize("status", [403, 451])
def test_forbidden_upgrade_waits_at_the_cap(status: int) -> None:
    options = StreamOptions(first_delay_s=0.001, longest_delay_s=0.3, draw=lambda: 0.0)

    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.candles)
        assert trial.server.upgrades[1] - trial.server.upgrades[0] >= 0.3

    attempt(sending(kline(BTC)), use=use, options=options, refusals=[(status, {})])


def test_other_http_answers_are_tried_again() -> None:
    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.candles)
        assert trial.client.counters.attempts == 4
        assert trial.client.counters.connections == 1

    refusals = [(500, {}), (404, {}), (302, {"Location": "/elsewhere"})]
    attempt(sending(kline(BTC)), use=use, refusals=refusals)


def test_server_shutdown_is_answered_by_a_successor_before_the_end() -> None:
    told = asyncio.Event()

    async def leaving(peer: Peer) -> None:
        await peer.send(kline(BTC, 0), SHUTDOWN)
        slot = 1
        while peer.is_open:
            await peer.send(kline(BTC, slot))
            slot += 1
            await asyncio.sleep(0.01)

    async def succeeding(peer: Peer) -> None:
        # Silent at first: the old connection has to go on meanwhile.
        await asyncio.sleep(0.2)
        await peer.send(kline(BTC, 100_000))
        told.set()
        await peer.hold()

    async def use(trial: Trial) -> None:
        await until(lambda: told.is_set() and not trial.server.peers[0].is_open)
        assert trial.server.most_open == 2
        slots = sorted({update.open_ms // 60_000 for update in trial.sink.candles})
        old = slots[:-1]
        assert old == list(range(old[0], old[0] + len(old))), "a message was lost"
        assert len(old) > 5
        assert trial.sink.count("silent") == 0
        assert trial.sink.count("flowing") == 2
        assert trial.client.counters.renewals == 1
        assert trial.client.counters.reconnects == 0

    attempt(leaving, succeeding, use=use)


def test_connection_is_renewed_before_the_exchange_cuts_it() -> None:
    options = StreamOptions(renew_s=0.1, renew_jitter_s=0.0, first_delay_s=0.01, hand_over_s=5)

    async def use(trial: Trial) -> None:
        await until(lambda: trial.client.counters.renewals >= 3)
        assert trial.server.most_open == 2
        assert trial.sink.count("silent") == 0

    attempt(ticking, use=use, options=options)


def test_successor_without_data_does_not_replace_a_connection_that_has_some() -> None:
    options = StreamOptions(first_delay_s=0.01, longest_delay_s=0.05, hand_over_s=0.3)

    async def leaving(peer: Peer) -> None:
        await peer.send(kline(BTC), SHUTDOWN)
        await ticking(peer)

    async def use(trial: Trial) -> None:
        await until(lambda: len(trial.server.peers) >= 3 and not trial.server.peers[0].is_open)
        assert not trial.server.peers[1].is_open
        assert trial.server.peers[2].is_open
        assert trial.sink.count("silent") == 0

    attempt(leaving, sending(), ticking, use=use, options=options)


def test_connection_without_any_sign_of_life_is_replaced() -> None:
    options = StreamOptions(silence_s=0.2, first_delay_s=0.01)

    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.count("flowing") == 2)
        assert ("silent", candles(BTC)) in trial.sink.events

    attempt(sending(kline(BTC)), use=use, options=options)


def test_pings_are_answered_and_are_a_sign_of_life() -> None:
    options = StreamOptions(silence_s=1.0, first_delay_s=0.01)
    answered = 0

    async def pinging(peer: Peer) -> None:
        nonlocal answered
        await peer.send(kline(BTC))
        while peer.is_open:
            await (await peer.socket.ping())
            answered += 1
            await asyncio.sleep(0.1)

    async def use(trial: Trial) -> None:
        await until(lambda: answered >= 20)
        assert len(trial.server.peers) == 1

    attempt(pinging, use=use, options=options)


def test_silent_stream_is_subscribed_again_and_told_without_costing_the_connection() -> None:
    options = StreamOptions(
        stream_silence_s=0.15, longest_silence_s=0.3, command_gap_s=0.01, first_delay_s=0.01
    )

    async def deaf_to_eth(peer: Peer) -> None:
        peer.answer = lambda command: {"result": None, "id": command["id"]}
        for slot in range(1_000_000):
            await peer.send(kline(BTC, slot), kline(third, slot))
            subscribed = [c for _, c in peer.commands if c["method"] == "SUBSCRIBE"]
            # The first of the tries after it has been told helps.
            if len(subscribed) >= 4:
                await peer.send(kline(ETH, slot))
            await asyncio.sleep(0.01)

    third = Series("BNBUSDT", Timeframe.M1)

    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.count("flowing") == 2)
        assert trial.sink.events == [
            ("flowing", candles(BTC, ETH, third)),
            ("silent", candles(ETH)),
            ("flowing", candles(ETH)),
        ]
        assert len(trial.server.peers) == 1
        methods = [command["method"] for _, command in trial.server.peers[0].commands]
        assert methods[:4] == ["UNSUBSCRIBE", "SUBSCRIBE"] * 2
        commands = trial.server.peers[0].commands
        assert all(command["params"] == ["ethusdt@kline_5m"] for _, command in commands)

    attempt(deaf_to_eth, use=use, options=options, series=(BTC, ETH, third))


def test_connection_is_replaced_when_most_streams_are_silent() -> None:
    options = StreamOptions(stream_silence_s=0.2, first_delay_s=0.01, hand_over_s=0.5)
    others = tuple(Series(f"X{number}USDT", Timeframe.M1) for number in range(3))

    async def use(trial: Trial) -> None:
        await until(lambda: len(trial.server.peers) == 2 and len(trial.sink.candles) > 5)

    async def only_btc(peer: Peer) -> None:
        for slot in range(1_000_000):
            await peer.send(kline(BTC, slot))
            await asyncio.sleep(0.01)

    attempt(only_btc, ticking, use=use, options=options, series=(BTC, *others))


def test_many_streams_are_subscribed_by_url_and_commands_at_the_allowed_pace() -> None:
    options = StreamOptions(url_bytes=400, batch=20)
    series = tuple(Series(f"S{number:03}USDT", Timeframe.M1) for number in range(100))

    async def use(trial: Trial) -> None:
        await until(lambda: trial.server.peers and len(trial.server.peers[0].streams) == 100)
        peer = trial.server.peers[0]
        assert peer.socket.request is not None
        assert len(peer.socket.request.path) <= 400
        assert all(len(command["params"]) <= 20 for _, command in peer.commands)
        assert len({command["id"] for _, command in peer.commands}) == len(peer.commands) >= 4
        # Four a second, the pong to a ping included.
        times = [moment for moment, _ in peer.commands]
        assert all(later - first > 0.95 for first, later in zip(times, times[3:], strict=False))
        await until(lambda: len({update.series for update in trial.sink.candles}) == 100)
        told = [member for _, group in trial.sink.events for member in group]
        assert sorted(map(str, told)) == sorted(map(str, candles(*series)))

    attempt(ticking, use=use, options=options, series=series)


def test_what_is_wanted_changes_without_a_new_connection() -> None:
    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.candles)
        trial.client.want(candles(BTC, ETH))
        await until(lambda: ("flowing", candles(ETH)) in trial.sink.events)
        trial.client.want(candles(ETH))
        await until(lambda: trial.server.peers[0].streams == {"ethusdt@kline_5m"})
        await until(lambda: trial.client.counters.unasked >= 0)
        assert len(trial.server.peers) == 1
        assert trial.sink.count("silent") == 0

    attempt(ticking, use=use)


def test_nothing_wanted_has_no_connection_until_something_is() -> None:
    async def use(trial: Trial) -> None:
        assert not trial.client.connected
        trial.client.want(candles(BTC))
        await until(lambda: trial.client.connected)
        trial.client.want(())
        await until(lambda: not trial.server.peers[0].is_open)
        assert not trial.client.connected
        assert trial.sink.count("silent") == 0
        trial.client.want(candles(ETH))
        await until(lambda: trial.sink.count("flowing"))

    attempt(ticking, use=use, series=())


def test_command_that_is_not_answered_is_repeated_and_then_costs_the_connection() -> None:
    options = StreamOptions(
        url_bytes=1, reply_s=0.05, command_attempts=3, command_gap_s=0.01, first_delay_s=0.01
    )

    async def unanswered(peer: Peer) -> None:
        peer.answer = lambda command: None
        await peer.hold()

    async def refused(peer: Peer) -> None:
        peer.answer = lambda command: {"code": 2, "msg": "Invalid request", "id": command["id"]}
        await peer.hold()

    async def use(trial: Trial) -> None:
        await until(lambda: trial.sink.count("flowing") == 2)
        assert [len(peer.commands) for peer in trial.server.peers] == [3, 3, 1]

    attempt(unanswered, refused, ticking, use=use, options=options, series=(BTC, ETH))


def test_sink_without_room_slows_the_server_and_loses_nothing() -> None:
    # On a machine that is busy with others a connection is still for a third of a second.
    options = StreamOptions(queue=64, silence_s=1.0, stream_silence_s=1.0, first_delay_s=0.01)
    sent = 0
    most = 200_000
    enough = False

    async def flooding(peer: Peer) -> None:
        nonlocal sent
        message = kline(BTC)
        while not enough:
            await peer.send(message)
            sent += 1
        await peer.hold()

    async def use(trial: Trial) -> None:
        nonlocal enough
        trial.sink.has_room.clear()
        await until(lambda: trial.sink.candles)
        before = -1
        while before != sent:
            before = sent
            # Longer than any silence allows: there is none, as nothing is read.
            await asyncio.sleep(2.2)
            assert sent < most, "the server was never made to wait"
        assert len(trial.sink.candles) <= 512
        # The sending that waits is the last one.
        enough = True
        trial.sink.has_room.set()
        await until(lambda: len(trial.sink.candles) == sent > before, 120)
        assert len(trial.server.peers) == 1

    attempt(flooding, use=use, options=options)


def test_event_loop_gets_its_turn_while_the_socket_never_runs_dry() -> None:
    async def flooding(peer: Peer) -> None:
        message = kline(BTC)
        while peer.is_open:
            await peer.send(message)

    async def use(trial: Trial) -> None:
        await until(lambda: len(trial.sink.candles) > 5000)

    attempt(flooding, use=use)


def test_stop_is_prompt_even_when_the_peer_does_not_answer_the_close() -> None:
    async def run() -> None:
        connected = asyncio.Event()

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            key = next(
                line.split(b":")[1].strip()
                for line in request.split(b"\r\n")
                if line.lower().startswith(b"sec-websocket-key")
            )
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
                + accept_key(key.decode()).encode()
                + b"\r\n\r\n"
            )
            connected.set()
            await reader.read()
            while await reader.read(1024):
                pass
            writer.close()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        async with server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            client = StreamClient(url, CountingBudget(), RecordingSink())
            client.want(candles(BTC))
            running = asyncio.create_task(client.run())
            await connected.wait()
            await until(lambda: client.connected)
            began = time.monotonic()
            client.stop()
            async with asyncio.timeout(10):
                await running
            # Twice what it promises, for a machine with other work to do.
            assert time.monotonic() - began < 2

    asyncio.run(run())


def test_stop_is_prompt_while_the_sink_has_no_room() -> None:
    async def run() -> None:
        async with scripted_stream(ticking) as server:
            sink = RecordingSink()
            client = StreamClient(server.url, CountingBudget(), sink)
            client.want(candles(BTC))
            sink.has_room.clear()
            running = asyncio.create_task(client.run())
            await until(lambda: sink.candles)
            client.stop()
            async with asyncio.timeout(10):
                await running
            assert sink.events[-1] == ("silent", candles(BTC))

    asyncio.run(run())


def test_cancelling_ends_it_and_its_connections() -> None:
    async def run() -> None:
        async with scripted_stream(ticking) as server:
            client = StreamClient(server.url, CountingBudget(), RecordingSink())
            client.want(candles(BTC))
            running = asyncio.create_task(client.run())
            await until(lambda: client.connected)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            await until(lambda: not server.peers[0].is_open)
            # Told, and not just left: the exchange need not find out by itself.
            assert server.peers[0].socket.close_code == 1000

    asyncio.run(run())


@pytest.mark.parametrize(
    "url",
    ["ws://127.0.0.1:{free}", "wss://127.0.0.1:{taken}", "ws://127.0.0.1:{taken}",
     "ws://name.invalid"],
)  # fmt: skip
def test_server_that_is_none_is_tried_again(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is no http\r\n\r\n")
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(garbage, "127.0.0.1", 0)
        other = await asyncio.start_server(garbage, "127.0.0.1", 0)
        free = other.sockets[0].getsockname()[1]
        other.close()
        await other.wait_closed()
        async with server:
            taken = server.sockets[0].getsockname()[1]
            client = StreamClient(
                url.format(free=free, taken=taken), CountingBudget(), RecordingSink(), FAST
            )
            client.want(candles(BTC))
            running = asyncio.create_task(client.run())
            await until(lambda: client.counters.attempts >= 3)
            client.stop()
            await running

    asyncio.run(run())
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) >= 2
    assert all(record.exc_info is None for record in caplog.records)
    assert all("\n" not in record.getMessage() for record in warnings)


def test_password_in_the_url_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with scripted_stream(dropping(kline(BTC))) as server:
            url = server.url.replace("ws://", "ws://user:hunter2@")
            client = StreamClient(url, CountingBudget(), RecordingSink(), FAST)
            client.want(candles(BTC))
            running = asyncio.create_task(client.run())
            await until(lambda: client.counters.connections >= 3)
            client.stop()
            await running

    caplog.set_level("INFO")
    asyncio.run(run())
    assert "connected" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("url", ["http://host", "ws://", "host", "ws://host/path", "ws://h:x"])
def test_url_that_is_none_of_websockets_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError):
        StreamClient(url, CountingBudget(), RecordingSink())


def test_budget_that_is_out_of_reach_is_asked_again() -> None:
    class Failing(CountingBudget):
        async def attempt(self) -> None:
            await super().attempt()
            if len(self.attempts) < 3:
                raise DatabaseUnavailable("down")

    async def run() -> None:
        async with scripted_stream(ticking) as server:
            sink = RecordingSink()
            client = StreamClient(server.url, Failing(), sink, FAST)
            client.want(candles(BTC))
            running = asyncio.create_task(client.run())
            await until(lambda: sink.candles)
            assert client.counters.attempts == 1
            client.stop()
            await running

    asyncio.run(run())


def test_fault_of_the_sink_ends_the_run_with_it() -> None:
    class Faulty(RecordingSink):
        def take(self, update: object) -> None:
            raise ZeroDivisionError

    async def run() -> None:
        async with scripted_stream(ticking) as server:
            client = StreamClient(server.url, CountingBudget(), Faulty(), FAST)
            client.want(candles(BTC))
            async with asyncio.timeout(20):
                await client.run()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
