"""Connections to the feed, and which of them gets which stream."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import cast

from benchmarks.feeds.candles import KlineStream, is_kline
from benchmarks.feeds.wire import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    answer_handshake,
    control_frame,
    split_frames,
    streams_of,
)

_BUFFER_BYTES = 256 * 1024


class Subscribed:
    """A stream and who gets it."""

    __slots__ = ("outs", "stream")

    def __init__(self, stream: KlineStream) -> None:
        self.stream = stream
        self.outs: list[Reader] = []


class Reader(asyncio.Protocol):
    """One connection."""

    def __init__(self, audience: Audience) -> None:
        self.sent = 0
        self.target = ""
        self.names: list[str] = []
        self.pieces: list[bytes] = []
        self.writable = True
        self._audience = audience
        self._combined = True
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._audience.leave(self, self._combined, self.names)
        self._audience.readers.discard(self)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self._audience.room.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.target and not self._shake_hands():
            return
        for opcode, payload in split_frames(self._buffer):
            self._take(opcode, payload)

    def write(self, data: bytes) -> None:
        """Sends, unless there is nobody any more."""
        if self._transport is not None:
            self._transport.write(data)

    def flush(self) -> None:
        """Sends the frames of a step in one piece."""
        if self.pieces:
            self.write(b"".join(self.pieces))
            self.pieces.clear()

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()

    def _shake_hands(self) -> bool:
        head, separator, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not separator:
            return False
        try:
            answer, self.target = answer_handshake(head)
        except ValueError:
            self.close()
            return False
        self._buffer = bytearray(rest)
        self.write(answer)
        names, self._combined = streams_of(self.target)
        self._audience.readers.add(self)
        self._audience.ever.append(self)
        self._subscribe(names)
        return True

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.write(control_frame(PONG, payload))
        elif opcode == CLOSE:
            self.write(control_frame(CLOSE, payload[:2]))
            self.close()
        elif opcode == TEXT:
            command = json.loads(payload)
            names = command.get("params") or []
            if command["method"] == "SUBSCRIBE":
                self._subscribe(names)
            elif command["method"] == "UNSUBSCRIBE":
                self._audience.leave(self, self._combined, names)
            answer = json.dumps({"result": None, "id": command.get("id")}).encode()
            self.write(control_frame(TEXT, answer))

    def _subscribe(self, names: list[str]) -> None:
        new = [name for name in dict.fromkeys(names) if is_kline(name) and name not in self.names]
        self.names += new
        self._audience.join(self, self._combined, new)


class Audience:
    """Who gets what.

    Args:
        on_change: called with the number of streams that somebody gets.
    """

    def __init__(self, on_change: Callable[[int], None]) -> None:
        self.readers: set[Reader] = set()
        # Those that have gone, too: what was sent to them was sent.
        self.ever: list[Reader] = []
        # Set when a connection takes more again.
        self.room = asyncio.Event()
        self._on_change = on_change
        self._streams: dict[tuple[str, bool], Subscribed] = {}
        self._order: list[Subscribed] = []
        self._at = 0

    @property
    def has_streams(self) -> bool:
        """Whether anybody gets anything."""
        return bool(self._order)

    @property
    def is_writable(self) -> bool:
        """Whether all take more."""
        return all(reader.writable for reader in self.readers)

    @property
    def streams(self) -> list[KlineStream]:
        """All that were ever subscribed to."""
        return [one.stream for one in self._streams.values()]

    def join(self, reader: Reader, combined: bool, names: list[str]) -> None:
        """A reader wants streams: it gets them with the next messages."""
        now_ms = time.time_ns() // 1_000_000
        for name in names:
            known = self._streams.get((name, combined))
            if known is None:
                offset = len(self._streams)
                known = Subscribed(KlineStream(name, combined, now_ms, offset))
                self._streams[name, combined] = known
            known.outs.append(reader)
        self._reorder()

    def leave(self, reader: Reader, combined: bool, names: list[str]) -> None:
        """A reader wants streams no more; a stream that nobody wants stands still."""
        for name in names:
            known = self._streams.get((name, combined))
            if known is not None and reader in known.outs:
                known.outs.remove(reader)
        reader.names = [name for name in reader.names if name not in names]
        self._reorder()

    def send(self, count: int) -> None:
        """The next messages of all streams in turn, stamped with the time of now."""
        order, at = self._order, self._at
        now_ms = time.time_ns() // 1_000_000
        stamp = b"%d" % now_ms
        for _ in range(count):
            one = order[at]
            at = at + 1 if at + 1 < len(order) else 0
            parts = one.stream.take(stamp, now_ms)
            for reader in one.outs:
                reader.pieces += parts
                reader.sent += 1
        self._at = at
        for reader in self.readers:
            reader.flush()

    def _reorder(self) -> None:
        before = len(self._order)
        self._order = [one for one in self._streams.values() if one.outs]
        self._at = 0
        if len(self._order) != before:
            self._on_change(len(self._order))
