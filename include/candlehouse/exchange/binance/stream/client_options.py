"""Options and counters of a stream client."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Limits and patience; the defaults are for Binance. Times in seconds.

    Attributes:
        identity: of the exchange that must answer, `binance` or `sim:<market id>`; None
            takes whichever does.
        streams_per_connection: at most; Binance allows 1024.
        url_bytes: how long the URL may become with names of streams in it.
        batch: names in one command, at most.
        command_gap_s: between two commands. Binance cuts at more than five messages a
            second, pongs included; this makes three, and leaves one for a pong.
        reply_s: how long the answer to a command may take.
        command_attempts: how often one is tried before the connection is replaced.
        open_s: how long opening may take, name lookup included.
        close_s: how long the peer may take to answer a close.
        silence_s: without a single byte, not even a ping, a connection is dead. Binance
            pings every 20 seconds.
        stream_silence_s: without a message, a stream is subscribed again.
        longest_silence_s: bound of the growing delays between further tries.
        renew_s: age at which a connection is replaced; Binance cuts at 24 hours.
        renew_jitter_s: at most this much earlier, so that connections do not go together.
        hand_over_s: how long the old connection is kept for streams that the new one has
            not brought yet.
        first_delay_s: of the back-off, doubled with each failure.
        longest_delay_s: bound of the back-off.
        queue: frames waiting in memory before the socket is left unread.
        message_bytes: of the largest message; a longer one ends the connection.
        draw: a random number in [0, 1).
    """

    identity: str | None = None
    streams_per_connection: int = 500
    url_bytes: int = 4000
    batch: int = 200
    command_gap_s: float = 0.35
    reply_s: float = 10.0
    command_attempts: int = 3
    open_s: float = 15.0
    close_s: float = 0.5
    silence_s: float = 30.0
    stream_silence_s: float = 90.0
    longest_silence_s: float = 600.0
    renew_s: float = 23.5 * 3600
    renew_jitter_s: float = 600.0
    hand_over_s: float = 10.0
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    queue: int = 2048
    message_bytes: int = 65536
    draw: Callable[[], float] = random.random


@dataclass(slots=True)
class StreamCounters:
    """Totals since the client was created.

    Attributes:
        messages: valid candles and prices, including late and duplicate ones.
        bad_messages: refused messages.
        unasked: valid messages of channels that are not wanted (any more), which are dropped.
        bytes: received on open connections, including framing.
        attempts: attempted connections.
        connections: attempts that succeeded.
        reconnects: connections that ended unexpectedly.
        renewals: connections that were handed over to a successor.
        last_data_at: when the last valid message came, in monotonic seconds; None before.
    """

    messages: int = 0
    bad_messages: int = 0
    unasked: int = 0
    bytes: int = 0
    attempts: int = 0
    connections: int = 0
    reconnects: int = 0
    renewals: int = 0
    last_data_at: float | None = None
