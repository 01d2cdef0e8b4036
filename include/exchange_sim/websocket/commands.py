"""Reading a client's commands, without acting on them."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Method = Literal["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY"]
_METHODS: dict[str, Method] = {
    "SUBSCRIBE": "SUBSCRIBE",
    "UNSUBSCRIBE": "UNSUBSCRIBE",
    "LIST_SUBSCRIPTIONS": "LIST_SUBSCRIPTIONS",
    "SET_PROPERTY": "SET_PROPERTY",
    "GET_PROPERTY": "GET_PROPERTY",
}
_FIELDS = frozenset({"method", "params", "id"})
_ID_TEXT = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
_LARGEST = 2**63
_COMBINED = "combined"
_PROPERTY, _BOOLEAN, _REQUEST, _JSON = range(4)


class CommandError(Exception):
    """A command that the exchange refuses.

    Args:
        code: 0 unknown property, 1 wrong type of a value, 2 invalid request, 3 no JSON.
        message: what stands beside it.
        command_id: goes back to the client as JSON if it was readable.
    """

    def __init__(self, code: int, message: str, command_id: bytes | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.command_id = command_id

    def reply(self) -> bytes:
        """Return the message that the client gets."""
        text = msgspec.json.encode(self.message)
        tail = b"" if self.command_id is None else b',"id":' + self.command_id
        return b'{"code":%d,"msg":%s%s}' % (self.code, text, tail)


@dataclass(frozen=True, slots=True)
class Command:
    """A well-formed command.

    Attributes:
        names: streams to subscribe or unsubscribe, each once.
        combined: the value to set.
        command_id: as JSON, ready to send back.
    """

    method: Method
    command_id: bytes
    names: tuple[str, ...] = ()
    combined: bool = False

    def reply(self, result: Any = None) -> bytes:
        """Return the message that acknowledges it."""
        return b'{"result":%s,"id":%s}' % (msgspec.json.encode(result), self.command_id)


def _refuse(text: str, command_id: bytes | None = None) -> CommandError:
    return CommandError(_REQUEST, f"Invalid request: {text}", command_id)


def _decode(text: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise CommandError(_JSON, "Invalid JSON: expected value at line 1 column 1") from error
    if not isinstance(body, dict):
        raise _refuse("expected an object at line 1 column 1")
    return body


def _command_id(body: dict[str, Any]) -> bytes:
    """Return the id as JSON.

    Raises:
        CommandError: it is missing, or neither null, nor of 64 bits, nor a short plain text.
    """
    value = body.get("id", False)
    if isinstance(value, str):
        fits = _ID_TEXT.fullmatch(value) is not None
    elif isinstance(value, int) and not isinstance(value, bool):
        fits = -_LARGEST <= value < _LARGEST
    else:
        fits = value is None
    if not fits:
        raise _refuse("request ID must be an unsigned integer")
    return msgspec.json.encode(value)


def _method(body: dict[str, Any], command_id: bytes) -> Method:
    if "method" not in body:
        raise _refuse("missing field `method` at line 1 column 1", command_id)
    method = body["method"]
    if not isinstance(method, str) or method not in _METHODS:
        known = ", ".join(f"`{name}`" for name in _METHODS)
        raise _refuse(f"unknown variant `{method}`, expected one of {known}", command_id)
    if body.keys() - _FIELDS:
        raise _refuse("too many parameters", command_id)
    return _METHODS[method]


def _names(params: list[Any], command_id: bytes) -> tuple[str, ...]:
    if not params or not all(isinstance(name, str) for name in params):
        raise _refuse("stream names must be strings", command_id)
    return tuple(dict.fromkeys(params))


def _property(method: Method, params: list[Any], command_id: bytes) -> bool:
    """Return the value of the only property there is; False where none is set.

    Raises:
        CommandError: it has another name, or a value that is no boolean.
    """
    if not params or not isinstance(params[0], str):
        raise _refuse("property name must be a string", command_id)
    if params[0] != _COMBINED:
        raise CommandError(_PROPERTY, "Unknown property", command_id)
    if len(params) > (2 if method == "SET_PROPERTY" else 1):
        raise _refuse("too many parameters", command_id)
    if method == "GET_PROPERTY":
        return False
    if len(params) < 2 or not isinstance(params[1], bool):
        raise CommandError(_BOOLEAN, "Invalid value type: expected Boolean", command_id)
    return params[1]


def parse_command(text: bytes) -> Command:
    """Return the command in a message.

    Raises:
        CommandError: with the code that the exchange has for it.
    """
    body = _decode(text)
    command_id = _command_id(body)
    method = _method(body, command_id)
    params = body.get("params", [])
    if not isinstance(params, list):
        raise _refuse("params must be a list", command_id)
    if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return Command(method, command_id, names=_names(params, command_id))
    if method == "LIST_SUBSCRIPTIONS":
        if params:
            raise _refuse("too many parameters", command_id)
        return Command(method, command_id)
    return Command(method, command_id, combined=_property(method, params, command_id))
