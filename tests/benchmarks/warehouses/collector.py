"""The whole writing path in one process, without the parts that ask REST.

The made-up candles are known to no exchange, so that nothing could be confirmed or healed.
Samples are told as lines of JSON on standard output; `end` on standard input ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import uvloop

from benchmarks.measuring.meter import cpu_s, say
from benchmarks.peers.ours import NoLimit, parse_channels
from candlehouse.core.live.candle_updates import CANDLES
from candlehouse.exchange.binance.stream.client import StreamClient
from candlehouse.pipelines.live.kinds.candle_kind import count_candles
from candlehouse.pipelines.live.kinds.candle_spool import CANDLE_SPOOL
from candlehouse.pipelines.live.kinds.candle_writer import make_candle_writer
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.pipelines.live.writing.buffer import Batcher
from candlehouse.pipelines.live.writing.candle_buffer import CandleBuffer
from candlehouse.pipelines.live.writing.safekeeping import Safekeeping
from candlehouse.pipelines.live.writing.writer_role import Role, Writing
from candlehouse.storage.database.engine import connect

# As deployed: STREAM_FLUSH_MS and CLOSE_GRACE.
_FLUSH_S = 0.02
_GRACE = timedelta(minutes=10)
# After the last message: everything is written when nothing waits for a flush.
_DRAIN_S = 1.0


class Collector:
    """Streams, batches and writes.

    Args:
        url: of the warehouse.
        port: of the feed.
        names: comma list of streams.
        spools: folder for what the database does not take.
    """

    def __init__(self, url: str, port: str, names: str, spools: str) -> None:
        self._locked = asyncio.Event()
        self._engine = connect(url, application_name="candlehouse-bench")
        self._batcher = Batcher({CANDLES: CandleBuffer(_ignore)}, _ignore, _ignore)
        self._writing = Writing(
            self._batcher,
            LiveWriter(self._engine, {CANDLES: make_candle_writer(_GRACE)}),
            Safekeeping(Path(spools), [CANDLE_SPOOL]),
            _FLUSH_S,
            self._change_role,
            lambda part: count_candles(part, self._batcher.counters),
        )
        # The feed has this machine's clock.
        self._batcher.clock_offset_ms = 0
        self._client = StreamClient(f"ws://127.0.0.1:{port}", NoLimit(), self._batcher)
        self._channels = parse_channels(names)
        self._process = psutil.Process()

    async def run(self) -> None:
        """Until told to end."""
        commands = await _open_input()
        tasks = [asyncio.create_task(self._writing.run())]
        await self._locked.wait()
        self._client.want(self._channels)
        tasks.append(asyncio.create_task(self._client.run()))
        listening = asyncio.create_task(self._obey(commands))
        await asyncio.wait([*tasks, listening], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
        self._client.stop()
        self._writing.stop()
        await asyncio.gather(*tasks)
        await self._writing.close()
        self._engine.dispose()
        say("ended", **self._sample())

    async def _obey(self, commands: asyncio.StreamReader) -> None:
        """Samples while there is something to measure."""
        sampling: asyncio.Task[None] | None = None
        while line := await commands.readline():
            command = json.loads(line)
            if command["do"] == "begin":
                self._writing.lag.take()
                say("begun", **self._sample())
                sampling = asyncio.create_task(self._keep_sampling(command["every_s"]))
            else:
                await asyncio.sleep(_DRAIN_S)
                break
        if sampling is not None:
            sampling.cancel()

    async def _keep_sampling(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            say("sample", **self._sample())

    def _change_role(self, role: Role) -> None:
        if role is Role.WRITER:
            self._locked.set()

    def _sample(self) -> dict[str, object]:
        counters = self._batcher.counters
        lag = self._writing.lag.take()
        return {
            "at_s": time.monotonic(),
            "cpu_s": cpu_s(),
            "rss_mb": self._process.memory_info().rss / 2**20,
            "received": counters.received,
            "errors": counters.errors,
            "stale": counters.stale,
            "closed_written": counters.closed_written,
            "spooled": counters.spooled,
            "reconnects": self._client.counters.reconnects,
            "lag": lag.counts,
        }


async def _open_input() -> asyncio.StreamReader:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    return lines


def _ignore(_: object) -> None:
    pass


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Collector(os.environ["CANDLEHOUSE_DATABASE_URL"], *sys.argv[1:]).run())
