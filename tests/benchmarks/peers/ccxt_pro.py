"""ccxt.pro as shipped: either of its two ways to watch candles.

Only its websocket's address differs, and markets are given instead of asked for. The
address has "/stream" in it, by which ccxt knows a spot market's.
"""

from __future__ import annotations

import asyncio
import sys

import ccxt.pro

from benchmarks.measuring.meter import Meter


def make_exchange(port: str, symbols: set[str]) -> ccxt.pro.binance:
    """An exchange that knows these symbols (`BTCUSDT`), all of them quoted in USDT."""
    url = f"ws://127.0.0.1:{port}/stream.local/ws"
    exchange = ccxt.pro.binance({"urls": {"api": {"ws": {"spot": url}}}})
    exchange.set_markets([_market(exchange, symbol) for symbol in sorted(symbols)])
    return exchange


def _market(exchange: ccxt.pro.binance, symbol: str) -> dict[str, object]:
    base = symbol.removesuffix("USDT")
    market: dict[str, object] = exchange.safe_market_structure(
        {
            "id": symbol,
            "lowercaseId": symbol.lower(),
            "symbol": f"{base}/USDT",
            "base": base,
            "quote": "USDT",
            "baseId": base,
            "quoteId": "USDT",
            "type": "spot",
            "spot": True,
            "contract": False,
            "active": True,
        }
    )
    return market


def parse_names(names: str) -> list[tuple[str, str]]:
    """Symbol (`BTC/USDT`) and timeframe of each of a comma list of streams."""
    pairs = (name.upper().split("@KLINE_") for name in names.split(","))
    return [(f"{symbol.removesuffix('USDT')}/USDT", frame.lower()) for symbol, frame in pairs]


async def watch_all(exchange: ccxt.pro.binance, names: str, meter: Meter) -> None:
    wanted = [list(pair) for pair in parse_names(names)]
    while True:
        news = await exchange.watch_ohlcv_for_symbols(wanted)
        meter.received += sum(len(rows) for by in news.values() for rows in by.values())


async def watch_each(exchange: ccxt.pro.binance, names: str, meter: Meter) -> None:
    async def watch(symbol: str, timeframe: str) -> None:
        while True:
            rows = await exchange.watch_ohlcv(symbol, timeframe)
            meter.received += len(rows)

    await asyncio.gather(*(watch(symbol, frame) for symbol, frame in parse_names(names)))


async def main(way: str, port: str, names: str) -> None:
    meter = Meter()
    exchange = make_exchange(port, {name.split("@")[0].upper() for name in names.split(",")})
    meter.start()
    watch = watch_all if way == "all" else watch_each
    await watch(exchange, names, meter)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
