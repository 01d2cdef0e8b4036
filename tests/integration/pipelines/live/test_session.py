"""Whole sessions on a stand-in: what they follow, how they end, who goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from candlehouse.core.errors import ConfigurationError, ExchangeUnavailable, UniverseEmpty
from candlehouse.core.timeframe import from_ms
from candlehouse.pipelines.live.consumers import registry
from candlehouse.pipelines.live.session_options import Ending
from candlehouse.pipelines.live.writing.batches import Part
from candlehouse.storage.live.stream_sessions import write_control
from exchange_sim.testing import RunningExchange, running
from support.servers.live_session import Sessions
from support.servers.live_trial import audit_writers, find_overlapping_writers

CLOCK = "2026-03-03T09:52:40Z"
AS_OF = datetime(2026, 3, 3, tzinfo=UTC)
LIVE = "SELECT symbol FROM market.live_candles ORDER BY 1"
REALTIME = "SELECT symbol FROM market.collector_state WHERE is_realtime ORDER BY 1"
ROLES = "SELECT role FROM market.stream_sessions WHERE ended_at IS NULL ORDER BY 1"
WRITER = "SELECT mode FROM market.stream_sessions WHERE ended_at IS NULL AND role = 'writer'"
REASONS = "SELECT end_reason FROM market.stream_sessions ORDER BY session_id"
BTC, ETH, SOL = ("BTCUSDT",), ("ETHUSDT",), ("SOLUSDT",)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[RunningExchange]:
    with running(seed=1, clock=CLOCK, speed=4, weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def exchange(stand_in: RunningExchange) -> Iterator[RunningExchange]:
    yield stand_in
    stand_in.clear()


@pytest.fixture
def sessions(warehouse_url: str, exchange: RunningExchange, tmp_path: Path) -> Sessions:
    sessions = Sessions(warehouse_url, exchange.url, tmp_path)
    sessions.choose(AS_OF, "BTC", "ETH")
    return sessions


def test_session_follows_the_universe_and_leaves_nothing_of_what_is_gone(
    sessions: Sessions,
) -> None:
    async def act() -> None:
        task = sessions.start()
        await sessions.until(LIVE, [BTC, ETH])
        await sessions.until(REALTIME, [BTC, ETH])
        sessions.choose(AS_OF + timedelta(hours=1), "BTC", "SOL")
        for query in (LIVE, REALTIME, "SELECT symbol FROM market.latest_prices ORDER BY 1"):
            await sessions.until(query, [BTC, SOL])
        assert await sessions.end(task) is Ending.STOPPED
        assert sessions.read(REASONS) == [("stopped",)]
        assert sessions.read(REALTIME) == []

    sessions.run(act)


def test_what_a_killed_writer_left_is_no_longer_live_when_the_next_one_writes(
    sessions: Sessions, exchange: RunningExchange
) -> None:
    with sessions.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO market.collector_state (symbol, timeframe, is_realtime)"
            " VALUES ('OLDUSDT', '1m', true);"
            "INSERT INTO market.latest_prices VALUES ('OLDUSDT', 1, 1, 1, now(), now());"
            "INSERT INTO market.live_candles VALUES ('OLDUSDT', '1m', now(), now(), 1, 1, 1, 1,"
            " 1, 1, 1, 1, 1, false, now(), now())"
        )

    async def act() -> None:
        sessions.start()
        for query in (LIVE, REALTIME, "SELECT symbol FROM market.latest_prices ORDER BY 1"):
            await sessions.until(query, [BTC, ETH])

    sessions.run(act)


def test_switch_ends_a_session_and_each_that_begins_after(sessions: Sessions) -> None:
    async def act() -> None:
        first = sessions.start()
        await sessions.until(ROLES, [("writer",)])
        with sessions.engine.begin() as connection:
            write_control(connection, False, "test")
        assert await asyncio.wait_for(first, 30) is Ending.SWITCHED_OFF
        assert await asyncio.wait_for(sessions.start(), 30) is Ending.SWITCHED_OFF

    sessions.run(act)


def test_session_waits_for_a_successor_before_it_hands_over(sessions: Sessions) -> None:
    audit_writers(sessions.engine)

    async def act() -> None:
        first = sessions.start(run=timedelta(seconds=0.1), patience_s=300)
        await sessions.until(ROLES, [("writer",)])
        await sessions.until(REALTIME, [BTC, ETH])
        assert not first.done()
        second = sessions.start()
        assert await asyncio.wait_for(first, 30) is Ending.HANDED_OVER
        await sessions.until(ROLES, [("writer",)])
        await sessions.until(REALTIME, [BTC, ETH])
        before = sessions.read("SELECT max(updated_at) FROM market.live_candles")
        await sessions.until(f"SELECT max(updated_at) > '{before[0][0]}' FROM market.live_candles",
                             [(True,)])  # fmt: skip
        # The session that has ended says nothing about its successor's series any more.
        assert sessions.read(REALTIME) == [BTC, ETH]
        await sessions.end(second)

    sessions.run(act)
    assert find_overlapping_writers(sessions.engine) == []
    sessions.engine.dispose()


def test_session_without_a_successor_leaves_after_its_patience(sessions: Sessions) -> None:
    async def act() -> None:
        session = sessions.start(run=timedelta(0), patience_s=0.2)
        assert await asyncio.wait_for(session, 30) is Ending.HANDED_OVER

    sessions.run(act)


def test_new_version_on_disk_ends_a_session(sessions: Sessions) -> None:
    versions = [1]

    async def act() -> None:
        session = sessions.start(version=lambda: versions[-1], patience_s=0)
        await sessions.until(ROLES, [("writer",)])
        versions.append(2)
        assert await asyncio.wait_for(session, 30) is Ending.REDEPLOYED
        assert sessions.read(REASONS) == [("redeployed",)]

    sessions.run(act)


def test_closed_candles_come_by_stream_and_are_confirmed(
    sessions: Sessions, exchange: RunningExchange
) -> None:
    async def act() -> None:
        sessions.start()
        await sessions.until(REALTIME, [BTC, ETH])
        exchange.set_clock(advance_ms=60_000)
        await sessions.until(
            "SELECT DISTINCT symbol FROM market.candles_1m WHERE source = 'stream' ORDER BY 1",
            [BTC, ETH],
        )
        await sessions.until(
            "SELECT DISTINCT symbol FROM market.confirmations ORDER BY 1", [BTC, ETH]
        )

    sessions.run(act)


def test_session_polls_while_no_websocket_opens_and_goes_back_by_itself(
    sessions: Sessions, exchange: RunningExchange, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "candlehouse.pipelines.live.session")
    exchange.set_faults({"kind": "500", "path": "/stream*"})

    async def act() -> None:
        sessions.start(poll_after_s=0.5)
        await sessions.until(WRITER, [("polling",)])
        await sessions.until(LIVE, [BTC, ETH])
        await sessions.until("SELECT symbol FROM market.latest_prices ORDER BY 1", [BTC, ETH])
        assert sessions.read(REALTIME) == []
        now = from_ms(exchange.set_clock(advance_ms=60_000))
        closed = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
        await sessions.until(
            "SELECT DISTINCT symbol FROM market.candles_1m"
            f" WHERE open_time >= '{closed}' AND source = 'rest' ORDER BY 1",
            [BTC, ETH],
        )
        exchange.clear()
        await sessions.until(WRITER, [("stream",)])
        await sessions.until(REALTIME, [BTC, ETH])

    sessions.run(act)
    assert "the session's mode is stream now, it was polling" in caplog.text


def test_session_waits_for_an_exchange_that_it_knows(
    sessions: Sessions, exchange: RunningExchange
) -> None:
    async def act() -> None:
        await sessions.end(sessions.start())
        exchange.set_faults({"kind": "503"})
        sessions.start()
        await sessions.until(ROLES, [("writer",)])
        exchange.clear()
        await sessions.until(LIVE, [BTC, ETH])

    sessions.run(act)


def test_session_of_prices_alone_keeps_nobody_from_writing_candles(sessions: Sessions) -> None:
    async def act() -> None:
        prices = sessions.start(kinds=("prices",))
        await sessions.until("SELECT symbol FROM market.latest_prices ORDER BY 1", [BTC, ETH])
        assert sessions.read(LIVE) == []
        sessions.start(symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT"))
        await sessions.until(LIVE, [BTC, ETH, SOL])
        await sessions.until(REALTIME, [BTC, ETH, SOL])
        await sessions.until(ROLES, [("writer",), ("writer",)])
        # It has nothing to say of series and symbols that others stream.
        sessions.choose(AS_OF + timedelta(hours=1), "BTC")
        await asyncio.sleep(0.5)
        assert await sessions.end(prices) is Ending.STOPPED
        assert sessions.read(REALTIME) == [BTC, ETH, SOL]
        assert sessions.read("SELECT symbol FROM market.latest_prices ORDER BY 1") == [
            BTC, ETH, SOL,
        ]  # fmt: skip

    sessions.run(act)


def test_consumer_that_never_comes_back_neither_holds_up_a_session_nor_its_end(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging:
        name = "hanging"

        def __init__(self) -> None:
            self.kinds: set[str] = set()
            self.may_go_on = threading.Event()

        def committed(self, part: Part[Any]) -> None:
            self.kinds.add(part.kind)
            if self.kinds == {"candles", "prices"}:
                self.may_go_on.wait()

        def close(self) -> None:
            pass

    hanging = Hanging()
    monkeypatch.setattr(registry, "CONSUMERS", (lambda _: hanging,))

    async def act() -> None:
        task = sessions.start()
        await sessions.until(LIVE, [BTC, ETH])
        async with asyncio.timeout(30):
            while len(hanging.kinds) < 2:  # noqa: ASYNC110  # another thread says it
                await asyncio.sleep(0.02)
        before = sessions.read("SELECT max(updated_at) FROM market.live_candles")
        await sessions.until(f"SELECT max(updated_at) > '{before[0][0]}' FROM market.live_candles",
                             [(True,)])  # fmt: skip
        assert await sessions.end(task) is Ending.STOPPED
        assert sessions.read(REASONS) == [("stopped",)]

    try:
        sessions.run(act)
    finally:
        hanging.may_go_on.set()


@pytest.mark.parametrize(
    ("environ", "error"),
    [
        ({"BINANCE_STREAM_URL": "ws://127.0.0.1:1/ws"}, ConfigurationError),
        ({"BINANCE_REST_URL": "http://127.0.0.1:1"}, ExchangeUnavailable),
        ({}, UniverseEmpty),
    ],
)
def test_session_that_cannot_begin_says_why(
    fresh_database: object, exchange: RunningExchange, tmp_path: Path,
    environ: dict[str, str], error: type[Exception],
) -> None:  # fmt: skip
    assert callable(fresh_database)
    sessions = Sessions(fresh_database(), exchange.url, tmp_path, environ)

    async def act() -> None:
        with pytest.raises(error):
            await sessions.start()
        sessions._stops.clear()

    sessions.run(act)
