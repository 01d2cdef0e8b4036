"""Websocket frames as a server writes them: unmasked, whole, uncompressed."""

import struct

TEXT, BINARY = 0x1, 0x2
PING, PONG = 0x9, 0xA
_FINAL = 0x80
_SHORT, _MEDIUM = 126, 1 << 16


def encode_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return one frame, ready for any number of connections."""
    first, length = _FINAL | opcode, len(payload)
    if length < _SHORT:
        return bytes((first, length)) + payload
    if length < _MEDIUM:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload
