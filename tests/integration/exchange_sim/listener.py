"""Clients of streams: one that behaves, and one that does only what it is told."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame
from websockets.sync.client import ClientConnection, connect
from websockets.uri import parse_uri

from exchange_sim.testing import RunningExchange

# Long enough for a loaded machine; nothing waits for it to pass.
PATIENCE_S = 30.0
Message = dict[str, Any]


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return what a condition says once it is true of it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


class Listener:
    """A well-behaved client that reads messages one by one."""

    def __init__(self, exchange: RunningExchange, path: str, **options: Any) -> None:
        self._exchange = exchange
        self._before = {row["id"] for row in exchange.streams()["connections"]}
        self._read = 0
        opening = connect(
            exchange.stream_url + path,
            proxy=None,
            compression=None,
            ping_interval=None,
            close_timeout=1,
            **options,
        )
        self._open = ExitStack()
        self.socket: ClientConnection = self._open.enter_context(opening)
        self.number: int = wait_for(self._find)

    def _find(self) -> int:
        rows = self._exchange.streams()["connections"]
        return max((row["id"] for row in rows if row["id"] not in self._before), default=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def row(self) -> Message:
        """What the stand-in says of this connection."""
        rows = self._exchange.streams()["connections"]
        return next(row for row in rows if row["id"] == self.number)

    def frame(self) -> str | bytes:
        """Return the next message as it came."""
        text = self.socket.recv(timeout=PATIENCE_S)
        self._read += 1
        return text

    def next(self) -> Any:
        """Return the next message, decoded."""
        return json.loads(self.frame())

    def until(self, wanted: Callable[[Any], bool]) -> list[Any]:
        """Return messages up to the first that is wanted."""
        found = [self.next()]
        while not wanted(found[-1]):
            found.append(self.next())
        return found

    def rest(self) -> list[Any]:
        """Return everything sent so far that was not read; for a clock that stands."""
        return [json.loads(text) for text in self.rest_frames()]

    def rest_frames(self) -> list[str | bytes]:
        """Return the same as it came."""
        return [self.frame() for _ in range(self.row["sent"] - self._read)]

    def ask(self, method: str, *params: Any, number: object = 1) -> Any:
        """Send a command and return the next message."""
        command: Message = {"method": method, "id": number}
        if params:
            command["params"] = list(params)
        return self.say(json.dumps(command))

    def say(self, text: str) -> Any:
        """Send a text and return the next message."""
        self.socket.send(text)
        return self.next()

    def ending(self) -> ConnectionClosed:
        """Read until the connection ends, and return how."""
        try:
            while True:
                self.frame()
        except ConnectionClosed as error:
            return error


class BareClient:
    """A client that answers nothing by itself, on a plain socket."""

    def __init__(self, exchange: RunningExchange, path: str, *, buffer: int | None = None) -> None:
        address = urlsplit(exchange.stream_url)
        self._socket = socket.socket()
        if buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(PATIENCE_S)
        self._socket.connect((address.hostname, address.port))
        self._protocol = ClientProtocol(parse_uri(exchange.stream_url + path))
        self._protocol.send_request(self._protocol.connect())
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def flush(self) -> None:
        """Send what the protocol has to say, its automatic pongs among it."""
        for data in self._protocol.data_to_send():
            self._socket.sendall(data)

    def receive(self, *, answer: bool) -> list[Frame]:
        """Wait for data and return the frames in it, none at the end of the connection.

        Args:
            answer: whether pings are answered.
        """
        frames: list[Frame] = []
        while not frames:
            data = self._socket.recv(65536)
            if not data:
                return []
            self._protocol.receive_data(data)
            frames = [event for event in self._protocol.events_received()
                      if isinstance(event, Frame)]  # fmt: skip
        pongs = self._protocol.data_to_send()
        if answer:
            for pong in pongs:
                self._socket.sendall(pong)
        return frames

    def receive_upgrade(self) -> None:
        """Read the answer to the request, which must come alone."""
        while not self._protocol.events_received():
            self._protocol.receive_data(self._socket.recv(65536))

    def receive_or_lose(self) -> list[Frame]:
        """Return the next frames, none however the connection ended."""
        try:
            return self.receive(answer=False)
        except ConnectionResetError:
            return []

    def read_to_end(self) -> list[Frame]:
        """Return all frames up to the end of the connection, whichever way it ends."""
        frames: list[Frame] = []
        while found := self.receive_or_lose():
            frames += found
        return frames

    def pong(self, payload: bytes) -> None:
        """Send a pong that nobody asked for, or that answers a ping late."""
        self._protocol.send_pong(payload)
        self.flush()

    def ping(self, payload: bytes) -> None:
        """Send a ping."""
        self._protocol.send_ping(payload)
        self.flush()

    def text(self, text: str) -> None:
        """Send a text."""
        self._protocol.send_text(text.encode())
        self.flush()
