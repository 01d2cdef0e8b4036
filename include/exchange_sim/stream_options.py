"""What the command line says about streams."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Limits and cadence of streams; the defaults are the exchange's own.

    Attributes:
        kline_update_ms: market milliseconds between two updates of an unfinished candle.
        ping_s: seconds between two pings.
        pong_s: seconds without an answer after which a connection is cut.
        life_s: seconds that a connection lives.
        connect_limit: attempts to connect that an address may make in five minutes.
        buffer_bytes: what a client may leave unread before it is cut.
    """

    kline_update_ms: int = 2000
    ping_s: float = 20.0
    pong_s: float = 60.0
    life_s: float = 86_400.0
    connect_limit: int = 300
    buffer_bytes: int = 8 * 1024 * 1024
