"""As much of the websocket protocol as a server of one's own machine needs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def answer_handshake(request: bytes) -> tuple[bytes, str]:
    """The answer to a whole request, and the target that it names.

    Raises:
        ValueError: when it is no websocket's.
    """
    first, *lines = request.decode("latin-1").split("\r\n")
    target = first.split(" ")[1] if first.startswith("GET ") else ""
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    key = headers.get("sec-websocket-key")
    if not target or key is None:
        raise ValueError(f"not a websocket's request: {first!r}")
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    ), target


def streams_of(target: str) -> tuple[list[str], bool]:
    """The streams that a target names, and whether their messages are combined."""
    parts = urlsplit(target)
    steps = parts.path.split("/")
    if "ws" in steps:
        return [unquote(step) for step in steps[steps.index("ws") + 1 :]], False
    names = parse_qs(parts.query).get("streams", [""])[0]
    return names.split("/"), True


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """An unmasked frame of at most 125 bytes."""
    return bytes((0x80 | opcode, len(payload))) + payload


def split_frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Takes whole masked frames off the front of `buffer`; a part of one stays there."""
    while len(buffer) >= 2:
        length, at = buffer[1] & 0x7F, 2
        if length == 126:
            length, at = int.from_bytes(buffer[2:4], "big"), 4
        elif length == 127:
            length, at = int.from_bytes(buffer[2:10], "big"), 10
        end = at + 4 + length
        if len(buffer) < end:
            return
        mask, payload = buffer[at : at + 4], buffer[at + 4 : end]
        opcode = buffer[0] & 0x0F
        del buffer[:end]
        yield opcode, bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))
