"""Names of streams, and which connection carries which.

Inside this package a stream is known by its key: a series stands for its candles, a bare
symbol for its prices. Only the wire has names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe

StreamKey: TypeAlias = Series | str

_KLINE = "kline_"
_PRICES = "miniTicker"
# What a symbol may consist of; a tab or a line break would break the lines that it is put into.
_SYMBOL = re.compile(r"[\w.\-]{1,50}")
_TIMEFRAMES = {timeframe.value: timeframe for timeframe in Timeframe}


def stream_name(key: StreamKey) -> str:
    """The name on the wire: `btcusdt@kline_1m` or `btcusdt@miniTicker`."""
    if isinstance(key, Series):
        return f"{key.symbol.lower()}@{_KLINE}{key.timeframe.value}"
    return f"{key.lower()}@{_PRICES}"


def parse_stream_name(name: str) -> StreamKey | None:
    """The key of a stream, None for any name that `stream_name` does not make."""
    lower, _, kind = name.partition("@")
    symbol = lower.upper()
    if symbol.lower() != lower or not _SYMBOL.fullmatch(symbol):
        return None
    if kind == _PRICES:
        return symbol
    timeframe = _TIMEFRAMES.get(kind.removeprefix(_KLINE)) if kind.startswith(_KLINE) else None
    return None if timeframe is None else Series(symbol, timeframe)


def select_series(keys: Iterable[StreamKey]) -> list[Series]:
    """Those that are candles, in their order."""
    return [key for key in keys if isinstance(key, Series)]


def shard_streams(
    wanted: Collection[StreamKey],
    current: Mapping[int, frozenset[StreamKey]],
    limit: int,
) -> dict[int, frozenset[StreamKey]]:
    """Divides streams among connections, leaving alone whatever flows already.

    A stream never moves: moving it would interrupt it, and evenness is not worth that.
    What is new goes to the emptiest connections, and to new ones when all are full. The
    result depends on nothing but the arguments.

    Args:
        wanted: distinct keys.
        current: what each connection carries now, by its number; empty at first.
        limit: of streams a connection, at least 1.

    Returns:
        What each is to carry, by number. A connection that would carry nothing is left
        out; new numbers follow the highest of `current`.
    """
    asked = frozenset(wanted)
    shards = {
        number: set(kept) for number, keys in sorted(current.items()) if (kept := keys & asked)
    }
    fresh = sorted(asked.difference(*shards.values()), key=stream_name)
    total = sum(map(len, shards.values())) + len(fresh)
    following = max(current, default=-1) + 1
    while len(shards) * limit < total:
        shards[following] = set()
        following += 1
    for key in fresh:
        min(shards.values(), key=len).add(key)
    return {number: frozenset(keys) for number, keys in shards.items()}
