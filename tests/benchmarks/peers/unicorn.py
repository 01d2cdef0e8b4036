"""unicorn-binance-websocket-api as shipped: its queue in a coroutine, messages as dicts.

Its own options name the feed and keep it from asking for newer releases.
"""

from __future__ import annotations

import sys
import threading

from unicorn_binance_websocket_api import BinanceWebSocketApiManager

from benchmarks.measuring.meter import Meter

_meter = Meter()


async def take(stream_id: str | None = None) -> None:
    """Runs in the loop that receives."""
    while not manager.is_stop_request(stream_id):
        data = await manager.get_stream_data_from_asyncio_queue(stream_id)
        # Answers to subscriptions arrive here too.
        _meter.received += "data" in data
        manager.asyncio_queue_task_done(stream_id)


def subscribe(names: str) -> None:
    """As its own examples: channels times markets."""
    pairs = [name.split("@") for name in names.split(",")]
    manager.create_stream(
        channels=sorted({channel for _, channel in pairs}),
        markets=sorted({symbol for symbol, _ in pairs}),
        process_asyncio_queue=take,
    )


if __name__ == "__main__":
    manager = BinanceWebSocketApiManager(
        exchange="binance.com",
        websocket_base_uri=f"ws://127.0.0.1:{sys.argv[1]}/",
        output_default="dict",
        warn_on_update=False,
        disable_colorama=True,
    )
    subscribe(sys.argv[2])
    _meter.start()
    threading.Event().wait()
