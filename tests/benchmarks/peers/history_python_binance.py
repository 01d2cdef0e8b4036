"""python-binance as shipped: its own `get_historical_klines`, a symbol after another or all.

Only its address differs. It hands on rows as the exchange sent them, prices as text.
"""

from __future__ import annotations

import asyncio
import sys

from binance import AsyncClient, Client

from benchmarks.peers.handing import Rows, hand_over


def fetch_one_after_another(names: list[str], start_ms: int, last_ms: int) -> dict[str, Rows]:
    """With the client that blocks."""
    client = Client()
    return {name: client.get_historical_klines(name, "5m", start_ms, last_ms) for name in names}


async def fetch_together(names: list[str], start_ms: int, last_ms: int) -> dict[str, Rows]:
    """With the asynchronous client, all symbols side by side."""
    client = await AsyncClient.create()
    try:
        found = await asyncio.gather(
            *(client.get_historical_klines(name, "5m", start_ms, last_ms) for name in names)
        )
    finally:
        await client.close_connection()
    return dict(zip(names, found, strict=True))


def main(way: str, url: str, symbols: str, start_ms: str, end_ms: str) -> None:
    # Of the class: both clients ask something of the exchange as they are made.
    Client.API_URL = AsyncClient.API_URL = f"{url}/api"
    # The end that it takes is inclusive.
    names, first, last = symbols.split(","), int(start_ms), int(end_ms) - 1
    if way == "together":
        hand_over(asyncio.run(fetch_together(names, first, last)))
    else:
        hand_over(fetch_one_after_another(names, first, last))


if __name__ == "__main__":
    main(*sys.argv[1:])
