"""Frames, read back by another library."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from exchange_sim.websocket.frames import BINARY, PING, TEXT, encode_frame


def read(data: bytes) -> Frame:
    reader = StreamReader()
    reader.feed_data(data)
    reading = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(reading)
    frame: Frame = done.value.value
    return frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_frame_carries_its_payload_whole(length: int, opcode: int) -> None:
    payload = bytes(index % 251 for index in range(length))
    frame = read(encode_frame(payload, opcode))
    assert (frame.opcode, bytes(frame.data), frame.fin) == (Opcode(opcode), payload, True)


def test_control_frames_carry_their_opcode() -> None:
    assert read(encode_frame(b"7", PING)).opcode is Opcode.PING
