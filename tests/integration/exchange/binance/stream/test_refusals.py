"""What the stand-in says instead of a websocket."""

from __future__ import annotations

import asyncio

import pytest

from candlehouse.exchange.binance.stream.client_options import StreamOptions
from candlehouse.exchange.binance.stream.opening import ConnectFailed, open_socket
from exchange_sim.testing import running


def test_wait_of_a_refused_handshake_is_read_however_it_is_told() -> None:
    told = [("418", "seconds"), ("418", "date"), ("418", "body"), ("429", "date"), ("403", "date")]

    async def refuse(url: str) -> ConnectFailed:
        with pytest.raises(ConnectFailed) as failed:
            await open_socket(f"{url}/stream?streams=btcusdt@kline_1m", StreamOptions())
        return failed.value

    with running(seed=1, frozen=True, clock="2026-03-03") as exchange:
        for kind, way in told:
            exchange.clear()
            exchange.set_faults({"kind": kind, "path": "/stream", "wait_in": way, "seconds": 90})
            refusal = asyncio.run(refuse(exchange.stream_url)).refusal
            assert refusal is not None
            assert refusal.closed_s is not None
            assert 80 <= refusal.closed_s <= 92, (kind, way)
