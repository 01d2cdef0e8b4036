"""ccxt's own asynchronous client as shipped, its rate limiter on: pages of each symbol in turn.

Symbols run side by side. Only its address differs, and that it asks for spot markets alone.
"""

from __future__ import annotations

import asyncio
import sys

import ccxt.async_support as ccxt

from benchmarks.peers.handing import hand_over

_PAGE = 1000


def make_exchange(url: str) -> ccxt.binance:
    """An exchange that is at `url`."""
    public = f"{url}/api/v3"
    return ccxt.binance(
        {
            "urls": {"api": {"public": public, "private": public}},
            "options": {"fetchMarkets": {"types": ["spot"]}},
        }
    )


async def fetch(exchange: ccxt.binance, symbol: str, start_ms: int, end_ms: int) -> list[list]:
    """Rows of floats: open time in epoch milliseconds, four prices, volume."""
    rows: list[list] = []
    since = start_ms
    while since < end_ms:
        page = await exchange.fetch_ohlcv(symbol, "5m", since, _PAGE)
        rows += page
        if not page:
            break
        since = page[-1][0] + 1
    return [row for row in rows if row[0] < end_ms]


async def main(url: str, symbols: str, start_ms: str, end_ms: str) -> None:
    exchange = make_exchange(url)
    try:
        await exchange.load_markets()
        names = symbols.split(",")
        pairs = [f"{name.removesuffix('USDT')}/USDT" for name in names]
        found = await asyncio.gather(
            *(fetch(exchange, pair, int(start_ms), int(end_ms)) for pair in pairs)
        )
    finally:
        await exchange.close()
    hand_over(dict(zip(names, found, strict=True)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
