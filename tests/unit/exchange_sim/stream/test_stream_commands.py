"""Commands and what is wrong with them."""

import json
from typing import Any

import pytest

from exchange_sim.websocket.commands import CommandError, parse_command


def command(**body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("number", [0, -(2**63), 2**63 - 1, "a" * 36, "af-1_B", None])
def test_an_id_comes_back_as_it_was(number: Any) -> None:
    parsed = parse_command(command(method="LIST_SUBSCRIPTIONS", id=number))
    assert json.loads(parsed.reply(["x"])) == {"result": ["x"], "id": number}


def test_names_come_once_and_in_order() -> None:
    parsed = parse_command(command(method="SUBSCRIBE", params=["b", "a", "b"], id=1))
    assert (parsed.method, parsed.names) == ("SUBSCRIBE", ("b", "a"))


@pytest.mark.parametrize("value", [True, False])
def test_a_property_is_set_to_a_boolean(value: bool) -> None:
    parsed = parse_command(command(method="SET_PROPERTY", params=["combined", value], id=1))
    assert (parsed.method, parsed.combined) == ("SET_PROPERTY", value)
    assert parse_command(command(method="GET_PROPERTY", params=["combined"], id=1)).names == ()


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        (b"", 3, "Invalid JSON"),
        (b"hello", 3, "Invalid JSON"),
        (b"[1]", 2, "expected an object"),
        (command(method="SUBSCRIBE", params=["a"]), 2, "request ID"),
        (command(method="SUBSCRIBE", params=["a"], id=2**63), 2, "request ID"),
        (command(method="SUBSCRIBE", params=["a"], id="a" * 37), 2, "request ID"),
        (command(method="SUBSCRIBE", params=["a"], id="a b"), 2, "request ID"),
        (command(method="SUBSCRIBE", params=["a"], id=True), 2, "request ID"),
        (command(method="SUBSCRIBE", params=["a"], id=1.5), 2, "request ID"),
        (command(params=["a"], id=1), 2, "missing field `method`"),
        (command(method="subscribe", params=["a"], id=1), 2, "unknown variant `subscribe`"),
        (command(method=5, id=1), 2, "unknown variant `5`"),
        (command(method="SUBSCRIBE", id=1), 2, "stream names"),
        (command(method="SUBSCRIBE", params=[1], id=1), 2, "stream names"),
        (command(method="SUBSCRIBE", params="a", id=1), 2, "must be a list"),
        (command(method="SUBSCRIBE", params=["a"], id=1, extra=1), 2, "too many parameters"),
        (command(method="LIST_SUBSCRIPTIONS", params=["a"], id=1), 2, "too many parameters"),
        (command(method="SET_PROPERTY", params=[True], id=1), 2, "must be a string"),
        (command(method="GET_PROPERTY", id=1), 2, "must be a string"),
        (command(method="GET_PROPERTY", params=["combined", 1], id=1), 2, "too many"),
        (command(method="SET_PROPERTY", params=["colour", True], id=1), 0, "Unknown property"),
        (command(method="SET_PROPERTY", params=["combined"], id=1), 1, "expected Boolean"),
        (command(method="SET_PROPERTY", params=["combined", 1], id=1), 1, "expected Boolean"),
    ],
)
def test_a_wrong_command_is_refused_with_its_code(text: bytes, code: int, reason: str) -> None:
    with pytest.raises(CommandError, match=reason) as refused:
        parse_command(text)
    reply = json.loads(refused.value.reply())
    assert (reply["code"], list(reply)[:2]) == (code, ["code", "msg"])
    assert reply["msg"] == refused.value.message
    assert reply.get("id", 1) == 1
