"""The collector's own stream client, as it is deployed, with a sink that only counts."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection

import uvloop

from benchmarks.measuring.meter import Meter
from candlehouse.core.live.candle_updates import candle_channel
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import BadMessage, Update
from candlehouse.core.model import Series
from candlehouse.core.timeframe import parse_timeframe
from candlehouse.exchange.binance.stream.client import StreamClient


class CountingSink:
    """Counts what it takes."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def take(self, update: Update) -> None:
        self._meter.received += 1

    def take_bad(self, message: BadMessage) -> None:
        raise AssertionError(f"the feed sends what is refused: {message}")

    def flowing(self, channels: Collection[Channel]) -> None:
        pass

    def silent(self, channels: Collection[Channel]) -> None:
        pass

    async def room(self) -> None:
        pass


class NoLimit:
    """The feed allows any number of connections."""

    async def attempt(self) -> None:
        pass


def parse_channels(names: str) -> frozenset[Channel]:
    """The channels of a comma list of kline streams."""
    pairs = (name.split("@kline_") for name in names.split(","))
    return frozenset(
        candle_channel(Series(symbol.upper(), parse_timeframe(frame))) for symbol, frame in pairs
    )


async def main(port: str, names: str) -> None:
    meter = Meter()
    client = StreamClient(f"ws://127.0.0.1:{port}", NoLimit(), CountingSink(meter))
    client.want(parse_channels(names))
    meter.start()
    await client.run()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
