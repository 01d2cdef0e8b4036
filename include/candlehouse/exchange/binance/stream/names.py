"""The exchange's names of streams, and their distribution over connections.

The rest of the code uses channels; only the exchange's API uses names.
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
    """The exchange's name of a channel: `btcusdt@kline_1m` or `btcusdt@miniTicker`.

    Raises:
        KeyError: when the exchange has no stream of that kind and timeframe.
    """
    return f"{channel.symbol.lower()}@{_SUFFIXES[channel.kind, channel.timeframe]}"


def parse_stream_name(name: str) -> Channel | None:
    """The channel of a stream, None for a name that `stream_name` does not produce."""
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
    """Distributes channels over connections, without moving channels that already flow.

    Moving a channel would interrupt it, so the distribution may be uneven. New channels go to the
    connections with the fewest channels, and to new connections when all are full. The result
    depends only on the arguments.

    Args:
        wanted: distinct channels.
        current: channels of each connection now, by its number; empty at first.
        limit: highest number of channels per connection, at least 1.

    Returns:
        The channels of each connection, by number. Connections without channels are left out; new
        numbers follow the highest of `current`.
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
