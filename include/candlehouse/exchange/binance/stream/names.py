"""The exchange's names of streams, and which connection carries which.

Everywhere else a stream is known by its channel; only the wire has names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from candlehouse.core.live.channels import Channel
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.stream.payloads.registry import PAYLOADS

# What a symbol may consist of; a tab or a line break would break the lines that it is put into.
_SYMBOL = re.compile(r"[\w.\-]{1,50}")

# What a channel of a kind and a timeframe has behind the `@`, and the reverse.
_SUFFIXES: dict[tuple[str, Timeframe | None], str] = {
    (payload.kind, timeframe): suffix
    for payload in PAYLOADS
    for timeframe, suffix in payload.suffixes.items()
}
_BY_SUFFIX = {suffix: key for key, suffix in _SUFFIXES.items()}


def stream_name(channel: Channel) -> str:
    """The name on the wire: `btcusdt@kline_1m` or `btcusdt@miniTicker`.

    Raises:
        KeyError: when the exchange streams nothing of that kind and timeframe.
    """
    return f"{channel.symbol.lower()}@{_SUFFIXES[channel.kind, channel.timeframe]}"


def parse_stream_name(name: str) -> Channel | None:
    """The channel of a stream, None for any name that `stream_name` does not make."""
    lower, _, suffix = name.partition("@")
    symbol = lower.upper()
    if symbol.lower() != lower or not _SYMBOL.fullmatch(symbol):
        return None
    if suffix not in _BY_SUFFIX:
        return None
    kind, timeframe = _BY_SUFFIX[suffix]
    return Channel(kind, symbol, timeframe)


def shard_streams(
    wanted: Collection[Channel],
    current: Mapping[int, frozenset[Channel]],
    limit: int,
) -> dict[int, frozenset[Channel]]:
    """Divides channels among connections, leaving alone whatever flows already.

    A channel never moves: moving it would interrupt it, and evenness is not worth that.
    What is new goes to the emptiest connections, and to new ones when all are full. The
    result depends on nothing but the arguments.

    Args:
        wanted: distinct channels.
        current: what each connection carries now, by its number; empty at first.
        limit: of channels per connection, at least 1.

    Returns:
        What each is to carry, by number. A connection that would carry nothing is left
        out; new numbers follow the highest of `current`.
    """
    asked = frozenset(wanted)
    shards = {
        number: set(kept) for number, held in sorted(current.items()) if (kept := held & asked)
    }
    fresh = sorted(asked.difference(*shards.values()), key=stream_name)
    total = sum(map(len, shards.values())) + len(fresh)
    following = max(current, default=-1) + 1
    while len(shards) * limit < total:
        shards[following] = set()
        following += 1
    for channel in fresh:
        min(shards.values(), key=len).add(channel)
    return {number: frozenset(carried) for number, carried in shards.items()}
