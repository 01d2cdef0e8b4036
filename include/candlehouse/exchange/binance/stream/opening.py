"""Opens one websocket, and classifies failures to do so."""

from __future__ import annotations

import time
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.http11 import Response

from candlehouse.core.errors import ConfigurationError, ExchangeUnavailable
from candlehouse.core.live.channels import Channel
from candlehouse.exchange.binance.http.transport import find_identity
from candlehouse.exchange.binance.stream.backoff import Refusal
from candlehouse.exchange.binance.stream.client_options import StreamOptions
from candlehouse.exchange.binance.stream.names import stream_name
from candlehouse.exchange.failures import Answer
from candlehouse.exchange.network import USER_AGENT, choose_proxy, make_ssl_context

_LONGEST_REASON = 200
# Bytes of an error response that are read for its reason.
_MOST_WORDS = 4096


class ConnectFailed(ExchangeUnavailable):
    """A websocket could not be opened.

    Attributes:
        refusal: the server's HTTP error, None for any other failure.
    """

    def __init__(self, message: str, refusal: Refusal | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


class Socket(ClientConnection):
    """A connection that records when it last received bytes, pings included.

    Attributes:
        received_at: time of the last bytes, in monotonic seconds.
        received: number of bytes.
    """

    received_at = float("-inf")
    received = 0

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with received bytes."""
        self.received_at = time.monotonic()
        self.received += len(data)
        super().data_received(data)


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        # Following a redirect would be an attempt that the budget has not counted.
        return exc


def check_stream_url(stream_url: str) -> None:
    """Rejects a URL that is not a base of websocket URLs.

    Raises:
        ConfigurationError: for another scheme, a missing host, or a path.
    """
    try:
        parts = urlsplit(stream_url)
        valid = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.path.rstrip("/") or parts.query or parts.fragment:
        # The value is not shown, because it may contain a password.
        raise ConfigurationError(
            "BINANCE_STREAM_URL is not allowed: ws:// or wss:// with a host and no path"
            " (without it, the stand-in at BINANCE_REST_URL streams)"
        )


def fit_into_url(
    stream_url: str, channels: Iterable[Channel], url_bytes: int
) -> tuple[str, frozenset[Channel]]:
    """A URL that subscribes as many channels as fit into it, and these channels.

    Args:
        stream_url: base URL without path.
        channels: in any order; used in the order of their names.
        url_bytes: highest length of the URL; the first name is always included, because a combined
            stream without any name is not documented.
    """
    url = f"{stream_url.rstrip('/')}/stream?streams="
    taken: list[Channel] = []
    for channel in sorted(channels, key=stream_name):
        name = quote(stream_name(channel), safe="@")
        if taken and len(url) + 1 + len(name) > url_bytes:
            break
        url += f"/{name}" if taken else name
        taken.append(channel)
    return url, frozenset(taken)


async def open_socket(url: str, options: StreamOptions) -> Socket:
    """Opens a websocket, which answers pings automatically.

    Raises:
        ConnectFailed: for any failure of network or server; its text contains no URL.
    """
    try:
        socket = await _Connect(
            url,
            # No compression: it would cost more time per message than all other processing.
            compression=None,
            max_queue=options.queue,
            max_size=options.message_bytes,
            # No own pings, which would count as messages; silence is detected in `watch`.
            ping_interval=None,
            open_timeout=options.open_s,
            close_timeout=options.close_s,
            create_connection=Socket,
            ssl=make_ssl_context() if url.startswith("wss:") else None,
            proxy=choose_proxy(url),
            user_agent_header=USER_AGENT,
        )
    except InvalidStatus as error:
        answer = _read_answer(error.response)
        refusal = Refusal(error.response.status_code, answer.wait_s)
        raise ConnectFailed(f"HTTP {refusal.status} instead of a websocket", refusal) from None
    # An invalid host name may raise UnicodeError.
    except (OSError, EOFError, UnicodeError, WebSocketException) as error:
        raise ConnectFailed(describe(error)) from None
    assert isinstance(socket, Socket)
    await _check_identity(socket, options.identity)
    return socket


async def _check_identity(socket: Socket, expected: str | None) -> None:
    """Rejects another exchange, whose candles could not be separated from the others afterwards.

    Raises:
        ConnectFailed: with both identities; the right exchange may be back later.
    """
    answer = Answer() if socket.response is None else _read_answer(socket.response)
    found = find_identity(answer)
    if expected is not None and found != expected:
        socket.transport.abort()
        raise ConnectFailed(f"{found} answers, but the warehouse belongs to {expected}")


def _read_answer(response: Response) -> Answer:
    answer = Answer()
    words = bytes(response.body[:_MOST_WORDS]).decode(errors="replace")
    answer.fill(response.status_code, dict(response.headers.raw_items()), words)
    return answer


def describe(error: BaseException) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    cause = error.__cause__
    if cause is not None:
        text += f" ({type(cause).__name__}: {' '.join(str(cause).split())})"
    return f"{type(error).__name__}: {text}"[:_LONGEST_REASON]
