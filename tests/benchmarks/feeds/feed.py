"""A feed of made-up candles: an exchange's websocket server that is faster than its readers.

A process of its own, told what to do by lines of JSON on standard input and answering
likewise on standard output; it ends when its input does.

    <- {"event": "listening", "port": 40123}
    <- {"event": "subscribed", "streams": 208}      whenever that has changed
    -> {"rate": 1000, "seconds": 15}                rate 0: as fast as readers take it
    <- {"event": "done", "sent": 15000, "shortfall": 0, ...}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from urllib.parse import quote

import uvloop

from benchmarks.feeds.audience import Audience, Reader
from benchmarks.feeds.wire import PING, control_frame

PING_S = 20.0
# Between two steps of sending: single messages at a rate that lets them be.
_FINE_S, _COARSE_S, _FINE_RATE = 0.001, 0.002, 5_000
# Messages of one step at most, at whatever rate.
_MOST_A_STEP = 256
# What is more overdue than this is not made up for, but told as a shortfall.
_PATIENCE_S = 0.25
# Waits for readers that do not read are cut into these, so that a run ends in time.
_PAUSE_S = 0.05


class Feed:
    """Sends to an audience, and knows what it has sent."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._held_s = 0.0

    async def run(self, rate: int, seconds: float) -> dict[str, object]:
        """Sends for `seconds`, `rate` messages in each or, with 0, as many as are taken."""
        before = {reader: reader.sent for reader in self._audience.ever}
        self._held_s = 0.0
        began, cpu_s = time.monotonic(), time.process_time()
        pace = self._send_paced(rate, seconds) if rate else self._send_all(seconds)
        made, shortfall = await pace
        elapsed_s = time.monotonic() - began
        readers = [
            {"target": reader.target[:80], "streams": len(reader.names),
             "sent": reader.sent - before.get(reader, 0)}
            for reader in self._audience.ever
        ]  # fmt: skip
        return {
            "sent": sum(int(str(reader["sent"])) for reader in readers),
            "made": made,
            "shortfall": shortfall,
            "elapsed_s": elapsed_s,
            "held_s": self._held_s,
            "cpu_s": time.process_time() - cpu_s,
            "readers": readers,
            "closed": [
                [stream.name, stream.closed, stream.first_ms, stream.open_ms]
                for stream in self._audience.streams
            ],
        }

    async def _send_paced(self, rate: int, seconds: float) -> tuple[int, int]:
        step_s = _FINE_S if rate <= _FINE_RATE else _COARSE_S
        made = given_up = 0
        began = time.monotonic()
        patience = max(1, int(rate * _PATIENCE_S))
        elapsed_s = 0.0
        while elapsed_s < seconds:
            # The last step makes the run whole.
            elapsed_s = min(seconds, time.monotonic() - began)
            overdue = int(rate * elapsed_s) - made - given_up
            if overdue > patience:
                given_up += overdue - patience
                overdue = patience
            while overdue > 0 and await self._has_room(began + seconds + _PAUSE_S):
                count = min(overdue, _MOST_A_STEP)
                self._audience.send(count)
                made += count
                overdue -= count
            await asyncio.sleep(step_s)
        return made, max(0, int(rate * seconds) - made)

    async def _send_all(self, seconds: float) -> tuple[int, int]:
        made, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            if await self._has_room(until):
                self._audience.send(_MOST_A_STEP)
                made += _MOST_A_STEP
            await asyncio.sleep(0)
        return made, 0

    async def _has_room(self, until: float) -> bool:
        """Whether there is somebody to send to; waits until they take more, or till then."""
        began = now = time.monotonic()
        while not self._audience.is_writable and now < until:
            self._audience.room.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._audience.room.wait(), _PAUSE_S)
            now = time.monotonic()
        self._held_s += now - began
        return now < until and self._audience.has_streams

    async def ping(self) -> None:
        """As the exchange does, for as long as the feed is there."""
        while True:
            await asyncio.sleep(PING_S)
            for reader in self._audience.readers:
                reader.write(control_frame(PING, b"%d" % time.time_ns()))


def tell(event: str, **values: object) -> None:
    """A line to whoever started the feed."""
    print(json.dumps({"event": event, **values}), flush=True)


def stream_target(names: list[str]) -> str:
    """What follows host and port in the URL of combined streams."""
    return f"/stream?streams={quote('/'.join(names), safe='/@')}"


async def main() -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_running_loop()
    audience = Audience(lambda streams: tell("subscribed", streams=streams))
    feed = Feed(audience)
    server = await loop.create_server(lambda: Reader(audience), "127.0.0.1", 0)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = [asyncio.create_task(feed.ping())]
    tell("listening", port=server.sockets[0].getsockname()[1])
    # Read while a run is under way, too: the end of the input ends that as well.
    while line := await lines.readline():
        tasks.append(asyncio.create_task(obey(feed, json.loads(line))))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    server.close()


async def obey(feed: Feed, command: dict[str, float]) -> None:
    """Makes one run."""
    tell("done", **await feed.run(int(command["rate"]), command["seconds"]))


if __name__ == "__main__":
    uvloop.run(main())
