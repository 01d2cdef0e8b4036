"""A connection whose client has gone must not keep the others from their messages."""

from typing import cast
from unittest.mock import Mock

from aiohttp import web

from exchange_sim.stream.connection import Connection, StreamStats, Wire
from exchange_sim.stream.events import Form
from exchange_sim.stream.options import StreamOptions
from exchange_sim.stream.pulse import Pulse


def make_connection(transport: Mock) -> Connection:
    request = cast("web.Request", Mock(remote="127.0.0.1", path="/stream"))
    wire = Wire(Mock(), transport, buffer_bytes=1000)
    return Connection(1, request, Form(), wire, Pulse(StreamOptions(), 0), StreamStats())


def test_message_to_a_client_that_has_gone_is_dropped() -> None:
    transport = Mock()
    transport.is_closing.return_value = True
    transport.write.side_effect = RuntimeError("the handler is closed")
    connection = make_connection(transport)

    connection.send(b"frame", "kline_forming")

    assert (connection.sent, connection.dropped) == (0, 1)


def test_message_to_a_client_that_is_there_is_sent() -> None:
    transport = Mock()
    transport.is_closing.return_value = False
    transport.get_write_buffer_size.return_value = 5
    connection = make_connection(transport)

    connection.send(b"frame", "kline_forming")

    transport.write.assert_called_once_with(b"frame")
    assert (connection.sent, connection.sent_bytes, connection.dropped) == (1, 5, 0)
